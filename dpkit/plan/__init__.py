"""What will be released, in which part, shard and row: a pure function of scan and secrets."""

from __future__ import annotations

from dpkit.plan.company import Borders
from dpkit.plan.making import (
    Groups,
    ReleaseName,
    Split,
    duplicates,
    group_rows,
    image_ids,
    make_plan,
    part_indices,
)

__all__ = [
    "Borders",
    "Groups",
    "ReleaseName",
    "Split",
    "duplicates",
    "group_rows",
    "image_ids",
    "make_plan",
    "part_indices",
]
