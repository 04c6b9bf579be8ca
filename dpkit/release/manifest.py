"""`manifest.json`: everything public about a release, version 1.

`docs/format.md` specifies it field by field. `Manifest.to_json` writes the canonical text,
`Manifest.from_json` reads a stranger's: version first, then every field, with a limit on
each number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Geometry, Json, Part, Task

FORMAT: Final = "dpkit-release"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """One class: the number that stands in `/labels` and its published name."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How many images and groups of a part carry one label (or hold 1, for multi-label)."""

    index: int
    images: int
    groups: int


@dataclass(frozen=True, slots=True)
class PartCounts:
    """The size of one part; `labels` is empty for task none and regression."""

    part: Part
    images: int
    groups: int
    labels: tuple[LabelCount, ...]


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


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything public about a release.

    Parameters
    ----------
    release_id, key_id
        Random names; neither is derived from a secret.
    created
        The day, ISO 8601.
    tool
        `dpkit` and its version.
    geometry
        Channels, height, width and source depth; released rows are [channels, height, width].
    dtype
        Of `/images`: `float32`, `float16`, `uint8` or `uint16`.
    reading
        The public rules by which files became pixels (fit, matte, depth rule, …).
    task
        `none` | `single` | `multi` | `regression`; see `docs/format.md` for `/labels`.
    label_columns
        Names of the target columns (`multi`: one per class; `regression`: one per number).
    grouped
        True where the provider named groups; else a group is a set of equal files.
    kept_columns
        Columns of the provider's table that travel in `data/index.csv`.
    training
        What can learn from the values: see `docs/format.md`.
    statement
        The report's top line, word for word.
    """

    release_id: str
    key_id: str
    created: str
    tool: str
    sanitizer: SanitizerEntry
    geometry: Geometry
    dtype: str
    reading: Mapping[str, Json]
    task: Task
    classes: tuple[ClassEntry, ...]
    label_columns: tuple[str, ...]
    grouped: bool
    kept_columns: tuple[str, ...]
    parts: tuple[PartCounts, ...]
    shards: tuple[Shard, ...]
    training: Mapping[str, Json]
    statement: str
    signer: Signer
