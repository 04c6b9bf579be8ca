"""The payload of a release, read in full: digests, structure, values, labels, names, counts.

Everything is read in bounded memory, but the ids and groups, which are held once (26 bytes
each) to see that an id is unique and a group stays in its part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.release.bag import parse_digests
from dpkit.release.columns import ShardColumns, open_columns
from dpkit.release.index import IndexRows, check_index
from dpkit.release.tree import DIGESTS, INDEX, sha256_of
from dpkit.types import ID_CHARACTERS, PARTS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.release.manifest import Manifest
    from dpkit.release.manifest_entries import PartCounts, Shard

_BLOCK: Final = 4 << 20  # values of one scan
_BASE32: Final = np.zeros(256, dtype=bool)
_BASE32[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")] = True  # RFC 4648


def check_payload(
    path: Path, manifest: Manifest, progress: Callable[[int, int], None] | None = None
) -> None:
    """Read every byte below data/ and compare it with the manifests.

    Raises
    ------
    IntegrityError
        The first file that differs, and how.
    """
    _check_digests(path, manifest, progress)
    for shard in manifest.shards:
        _check_shard(shard, open_columns(path / shard.file, manifest), manifest)
    _check_names(path, manifest)
    for part in manifest.parts:
        _check_counts(part, [c for s, c in _opened(path, manifest) if s.part == part.part])
    rows = (IndexRows(shard, columns) for shard, columns in _opened(path, manifest))
    check_index(path / INDEX, manifest.kept_columns, rows)


def _opened(path: Path, manifest: Manifest) -> Iterator[tuple[Shard, ShardColumns]]:
    for shard in manifest.shards:
        yield shard, open_columns(path / shard.file, manifest)


def _check_digests(
    path: Path, manifest: Manifest, progress: Callable[[int, int], None] | None
) -> None:
    digests = parse_digests((path / DIGESTS).read_text(encoding="utf-8"), DIGESTS)
    total = sum(shard.bytes for shard in manifest.shards) + (path / INDEX).stat().st_size
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    for name, digest in digests.items():
        if sha256_of(path / name, report) != digest:
            raise IntegrityError(f"{name}: its digest is not the signed one")


def _check_shard(shard: Shard, columns: ShardColumns, manifest: Manifest) -> None:
    values = columns.values().reshape(-1)
    for start in range(0, len(values) if values.dtype.kind == "f" else 0, _BLOCK):
        if not np.isfinite(values[start : start + _BLOCK]).all():
            raise IntegrityError(f"{shard.file}: /images holds values that are not finite")
    if not _labels_hold(columns.labels, manifest):
        raise IntegrityError(f"{shard.file}: /labels holds what task {manifest.task} has not")
    for name, column in (("ids", columns.ids), ("groups", columns.groups)):
        characters = np.frombuffer(column.tobytes(), np.uint8).reshape(-1, ID_CHARACTERS)
        if not _BASE32[characters].all():
            raise IntegrityError(f"{shard.file}: /{name} holds what is no base32 text")


def _labels_hold(labels: NDArray[Any], manifest: Manifest) -> bool:
    match manifest.task:
        case "none":
            return bool((labels == -1).all())
        case "single":
            return bool(np.isin(labels, [entry.index for entry in manifest.classes]).all())
        case "multi":
            return bool(np.isin(labels, [0, 1, UNKNOWN]).all())
        case "regression":
            return bool(np.isfinite(labels).all())


def _check_names(path: Path, manifest: Manifest) -> None:
    opened = [(s.part, c.ids, c.groups) for s, c in _opened(path, manifest)]
    ids = np.concatenate([own for _, own, _ in opened])
    if len(np.unique(ids)) != len(ids):
        raise IntegrityError("data: an id stands on two rows of the release")
    of_part = [
        np.unique(np.concatenate([g for p, _, g in opened if p == part]))
        for part in PARTS
        if any(p == part for p, _, _ in opened)
    ]
    groups = np.concatenate(of_part)
    if len(np.unique(groups)) != len(groups):
        raise IntegrityError("data: a group lies in two parts of the release")


def _check_counts(part: PartCounts, shards: list[ShardColumns]) -> None:
    if not shards:
        return
    labels = np.concatenate([columns.labels for columns in shards])
    groups = np.concatenate([columns.groups for columns in shards])
    if len(np.unique(groups)) != part.groups:
        raise IntegrityError(f"manifest.json: {part.part} has not {part.groups} groups")
    for count in part.labels:
        carries = labels[:, count.index] == 1 if labels.ndim > 1 else labels == count.index
        found = int(carries.sum()), len(np.unique(groups[carries]))
        if found != (count.images, count.groups):
            raise IntegrityError(
                f"manifest.json: {part.part}, label {count.index}: {found[0]} images and "
                f"{found[1]} groups are there, {count.images} and {count.groups} are stated"
            )
