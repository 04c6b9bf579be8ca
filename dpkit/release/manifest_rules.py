"""What must agree within one manifest, whoever wrote it.

Names
    release and key id: letters, digits, `.`, `_` and `-`; shards: `data/PART-NNNNN-of-NNNNN.h5`
Rows
    the shards of a part hold its images; a part's shards carry one total and rising numbers
    (a number may be absent: a shard whose every image was quarantined has no file)
Labels
    counted for classes that are listed; for task single they add up to the part
Targets
    none: no class, no column · single: classes, at most one column · multi: one column a
    class, numbered from 0 · regression: no class, at least one column
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from dpkit.types import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpkit.release.manifest import Manifest
    from dpkit.release.manifest_entries import PartCounts, Shard

DTYPES: Final = ("float32", "float16", "uint8", "uint16")
MAX_ROWS: Final = 2**40
MAX_BYTES: Final = 2**53  # what every JSON reader holds exactly
MAX_SHARDS: Final = 3 * 99_999
MAX_CLASSES: Final = 65_536
MAX_COLUMNS: Final = 1_000
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")
SHARD_FILE: Final = re.compile(r"data/(train|validation|test)-([0-9]{5})-of-([0-9]{5})\.h5")


def check(manifest: Manifest) -> None:
    """Raise ValueError, saying what contradicts what."""
    _require(NAME.fullmatch(manifest.release_id), f"release id {manifest.release_id!r}")
    _require(NAME.fullmatch(manifest.key_id), f"key id {manifest.key_id!r}")
    _require(manifest.dtype in DTYPES, f"dtype {manifest.dtype!r}")
    _require(manifest.shards, "a release without a shard")
    date.fromisoformat(manifest.created)
    _require_distinct([part.part for part in manifest.parts], "parts")
    _require_distinct([shard.file for shard in manifest.shards], "shards")
    _require_distinct(manifest.kept_columns, "kept columns")
    _check_targets(manifest)
    for part in manifest.parts:
        _check_labels(manifest, part)
    for name in PARTS:
        _check_part(manifest, name)


def _check_targets(manifest: Manifest) -> None:
    indices = [entry.index for entry in manifest.classes]
    columns = len(manifest.label_columns)
    _require_distinct(indices, "class numbers")
    _require_distinct([entry.name for entry in manifest.classes], "class names")
    agree = {
        "none": not indices and not columns,
        "single": bool(indices) and columns <= 1,
        "multi": bool(indices) and columns == len(indices) and indices == list(range(columns)),
        "regression": not indices and columns > 0,
    }[manifest.task]
    _require(agree, f"task {manifest.task} with {len(indices)} classes, {columns} label columns")


def _check_labels(manifest: Manifest, part: PartCounts) -> None:
    known = {entry.index for entry in manifest.classes}
    counted = [label.index for label in part.labels]
    _require_distinct(counted, f"labels of {part.part}")
    _require(known.issuperset(counted), f"a label of {part.part} that is no class")
    _require(part.groups <= part.images, f"{part.part}: more groups than images")
    for label in part.labels:
        _require(label.least_pool <= part.images, f"{part.part}: a pool larger than the part")
        within = label.groups <= label.images <= part.images and label.groups <= part.groups
        _require(within, f"{part.part}: label {label.index} counts more than the part holds")
    if manifest.task == "single":
        total = sum(label.images for label in part.labels)
        _require(total == part.images, f"{part.part}: labels count {total} of {part.images} images")


def _check_part(manifest: Manifest, name: str) -> None:
    shards = [shard for shard in manifest.shards if shard.part == name]
    images = sum(part.images for part in manifest.parts if part.part == name)
    rows = sum(shard.rows for shard in shards)
    _require(rows == images, f"{name}: shards hold {rows} rows, the part has {images} images")
    numbers = [_number(shard) for shard in shards]
    totals = {total for _, total in numbers}
    rising = [number for number, _ in numbers]
    _require(rising == sorted(set(rising)), f"{name}: shards are not in order")
    _require(len(totals) <= 1, f"{name}: shards name several totals {sorted(totals)}")
    _require(all(n < total for n, total in numbers), f"{name}: a shard beyond the total")


def _number(shard: Shard) -> tuple[int, int]:
    match = SHARD_FILE.fullmatch(shard.file)
    if match is None or match[1] != shard.part:
        raise ValueError(f"file {shard.file!r} is no shard of part {shard.part}")
    return int(match[2]), int(match[3])


def _require_distinct(names: Sequence[object], what: str) -> None:
    _require(len(set(names)) == len(names), f"one of the {what} stands twice")


def _require(agrees: object, what: str) -> None:
    if not agrees:
        raise ValueError(f"{what} does not agree with the format")
