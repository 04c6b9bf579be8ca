"""How many images and groups a release holds, by part and label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.release.manifest import LabelCount, PartCounts
from dpkit.types import PARTS
from dpkit.types.evidence import Count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from dpkit.release.manifest import ClassEntry
    from dpkit.types import Part, PlannedRows


def count_parts(
    rows: Iterable[tuple[Part, PlannedRows]], classes: Sequence[ClassEntry]
) -> tuple[PartCounts, ...]:
    """Count each part that holds an image; `rows` comes shard by shard."""
    labels: Mapping[Part, list[NDArray[Any]]] = {part: [] for part in PARTS}
    groups: Mapping[Part, list[NDArray[np.bytes_]]] = {part: [] for part in PARTS}
    for part, planned in rows:
        labels[part].append(planned.targets)
        groups[part].append(planned.groups)
    return tuple(
        _count(part, np.concatenate(labels[part]), np.concatenate(groups[part]), classes)
        for part in PARTS
        if sum(len(column) for column in groups[part])
    )


def count_lines(parts: Iterable[PartCounts], classes: Sequence[ClassEntry]) -> tuple[Count, ...]:
    """Say the counts for the report: a line for the part, then one for each of its labels."""
    names = {entry.index: entry.name for entry in classes}
    lines = []
    for part in parts:
        lines.append(Count(part.part, "", part.images, part.groups))
        lines += [Count(part.part, names[n.index], n.images, n.groups) for n in part.labels]
    return tuple(lines)


def _count(
    part: Part,
    labels: NDArray[Any],
    groups: NDArray[np.bytes_],
    classes: Sequence[ClassEntry],
) -> PartCounts:
    counts = []
    for column, entry in enumerate(classes):
        holds = labels == entry.index if labels.ndim == 1 else labels[:, column] == 1
        if holds.any():
            counts.append(LabelCount(entry.index, int(holds.sum()), len(np.unique(groups[holds]))))
    return PartCounts(part, len(groups), len(np.unique(groups)), tuple(counts))
