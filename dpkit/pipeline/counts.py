"""How many images and groups a release holds, by part and label, and among how many they mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.release.manifest_entries import LabelCount, PartCounts
from dpkit.types import PARTS
from dpkit.types.evidence import Count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dpkit.release.manifest_entries import ClassEntry
    from dpkit.types import Part, PlannedRows


def count_parts(
    rows: Iterable[tuple[Part, PlannedRows]],
    classes: Sequence[ClassEntry],
    plain: Iterable[Part] = (),
) -> tuple[PartCounts, ...]:
    """Count each part that holds an image; `rows` comes shard by shard.

    Parameters
    ----------
    plain
        Parts whose images are not mixed, whatever their strata.
    """
    columns: dict[Part, list[_Columns]] = {part: [] for part in PARTS}
    for part, planned in rows:
        columns[part].append(_columns(planned, is_plain=part in plain))
    return tuple(_count(part, _joined(columns[part]), classes) for part in PARTS if columns[part])


def count_lines(parts: Iterable[PartCounts], classes: Sequence[ClassEntry]) -> tuple[Count, ...]:
    """Say the counts for the report: a line for the part, then one for each of its labels."""
    names = {entry.index: entry.name for entry in classes}
    lines = []
    for part in parts:
        lines.append(Count(part.part, "", part.images, part.groups, part.least_pool))
        lines += [
            Count(part.part, names[n.index], n.images, n.groups, n.least_pool) for n in part.labels
        ]
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class _Columns:
    """By row: labels, groups, and among how many of its shard it is mixed."""

    labels: NDArray[Any]
    groups: NDArray[np.bytes_]
    pools: NDArray[np.int64]


def _columns(rows: PlannedRows, *, is_plain: bool) -> _Columns:
    if rows.strata is None or is_plain:
        return _Columns(rows.targets, rows.groups, np.zeros(len(rows), np.int64))
    _, of_row, sizes = np.unique(rows.strata, return_inverse=True, return_counts=True)
    return _Columns(rows.targets, rows.groups, sizes[of_row.reshape(-1)])


def _joined(columns: Sequence[_Columns]) -> _Columns:
    return _Columns(
        np.concatenate([c.labels for c in columns]),
        np.concatenate([c.groups for c in columns]),
        np.concatenate([c.pools for c in columns]),
    )


def _count(part: Part, rows: _Columns, classes: Sequence[ClassEntry]) -> PartCounts:
    counts = []
    for column, entry in enumerate(classes):
        labels = rows.labels
        holds = labels == entry.index if labels.ndim == 1 else labels[:, column] == 1
        if holds.any():
            groups, pool = rows.groups[holds], int(rows.pools[holds].min())
            counts.append(LabelCount(entry.index, int(holds.sum()), len(np.unique(groups)), pool))
    groups = np.unique(rows.groups)
    least = int(rows.pools.min())
    return PartCounts(part, len(rows.groups), len(groups), tuple(counts), least)
