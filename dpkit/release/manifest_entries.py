"""What a manifest lists: classes, parts, shards, sanitizer and signer, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from dpkit.release.manifest_rules import (
    MAX_BYTES,
    MAX_CLASSES,
    MAX_ROWS,
    NAME,
    SHA256_HEX,
    SHARD_FILE,
)
from dpkit.types import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.release.manifest_json import Fields
    from dpkit.types import Json, Part

CLASS_LIMIT: Final = 2**31 - 1  # a class keeps the provider's own number, within 32 bits


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """One class: the number that stands in `/labels` and its published name."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How many images and groups of a part carry one label (or hold 1, for multi-label).

    `least_pool` is the smallest number of images of one shard among which an image of this label
    found its donors, itself counted; 0 where images are not mixed.
    """

    index: int
    images: int
    groups: int
    least_pool: int = 0


@dataclass(frozen=True, slots=True)
class PartCounts:
    """The size of one part; `labels` is empty for task none and regression.

    `least_pool` is the smallest of the part, as in `LabelCount`.
    """

    part: Part
    images: int
    groups: int
    labels: tuple[LabelCount, ...]
    least_pool: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """One HDF5 file of one part; `file` is relative to the release (`data/train-…`)."""

    file: str
    part: Part
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SanitizerEntry:
    """Which sanitizer, with which public parameters."""

    name: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Signer:
    """The Ed25519 public key in minisign's text form, and its 16-hex-digit key number."""

    public_key: str
    fingerprint: str


def read_class(fields: Fields) -> ClassEntry:
    """Read one class."""
    entry = ClassEntry(_class_index(fields), fields.text("name", most=1000))
    fields.end()
    return entry


def read_part(fields: Fields) -> PartCounts:
    """Read the counts of one part, and of its labels."""
    labels = tuple(_label(c) for c in fields.children("labels", most=MAX_CLASSES))
    part = cast("Part", fields.one_of("part", PARTS))
    counts = PartCounts(part, *_images_and_groups(fields), labels, _least_pool(fields))
    fields.end()
    return counts


def read_shard(fields: Fields) -> Shard:
    """Read one shard."""
    shard = Shard(
        file=fields.text("file", pattern=SHARD_FILE),
        part=cast("Part", fields.one_of("part", PARTS)),
        rows=fields.whole("rows", 1, MAX_ROWS),
        bytes=fields.whole("bytes", 1, MAX_BYTES),
        sha256=fields.text("sha256", pattern=SHA256_HEX),
    )
    fields.end()
    return shard


def read_sanitizer(fields: Fields) -> SanitizerEntry:
    """Read which sanitizer it was."""
    entry = SanitizerEntry(fields.text("name", pattern=NAME), fields.mapping("parameters"))
    fields.end()
    return entry


def read_signer(fields: Fields) -> Signer:
    """Read whose signature it is."""
    signer = Signer(fields.text("public_key", most=100), fields.text("fingerprint", most=16))
    fields.end()
    return signer


def _label(fields: Fields) -> LabelCount:
    count = LabelCount(_class_index(fields), *_images_and_groups(fields), _least_pool(fields))
    fields.end()
    return count


def _class_index(fields: Fields) -> int:
    return fields.whole("index", -CLASS_LIMIT, CLASS_LIMIT)


def _images_and_groups(fields: Fields) -> tuple[int, int]:
    return fields.whole("images", 0, MAX_ROWS), fields.whole("groups", 0, MAX_ROWS)


def _least_pool(fields: Fields) -> int:
    return fields.whole_or_0("least_pool", MAX_ROWS)
