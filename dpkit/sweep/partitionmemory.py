"""Whether a sweep of partitions fits into memory, asked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from dpkit.errors import UsageError
from dpkit.nets.attackers import ATTACKERS
from dpkit.nets.bipartite import maps_shape
from dpkit.nets.reconstructors import elements
from dpkit.types import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dpkit.nets.reconstructors import Shape
    from dpkit.sweep.partitionplan import PartitionPlan
    from dpkit.sweep.source import Provided

MOST: Final = 2**30  # bytes of an attacker in training, and of all images or all values
NUMBER: Final = 4  # bytes
COPIES: Final = 10  # of weights: two networks, each with gradients, two moments and its best state
GIB: Final = 2**30


def check_memory(plan: PartitionPlan, source: Provided) -> None:
    """Refuse a sweep whose images, values or attackers take more than 1 GiB.

    Raises
    ------
    UsageError
        With what is too large, and what would do.
    """
    geometry, count = source.geometry, len(source.rows(*PARTS))
    shape = (geometry.channels, geometry.height, geometry.width)
    _refuse(
        f"{count:,} images", count * elements(shape) * NUMBER, "give fewer, or a smaller --size"
    )
    for split in plan.splits:
        inside = maps_shape(
            plan.sanitizer.network, shape, split, plan.recipe(split, 0.0).full_width
        )
        values = f"the values of {count:,} images at split point {split}"
        remedy = "give fewer images, a smaller --size or --width, or a later split point"
        _refuse(values, count * elements(inside) * NUMBER, remedy)
        for name, size in _attackers(plan, inside, shape):
            remedy = "leave it out of --attackers, or give a smaller --size or a later split point"
            _refuse(f"the attacker {name} at split point {split}", size, remedy)


def _attackers(plan: PartitionPlan, inside: Shape, outside: Shape) -> Iterator[tuple[str, int]]:
    """Yield the bytes that each attacker takes while it is trained; no weight is made."""
    for name in plan.names:
        with torch.device("meta"):
            made = ATTACKERS[plan.sanitizer.network][name](in_shape=inside, out_shape=outside)
        yield name, COPIES * NUMBER * sum(weights.numel() for weights in made.parameters())


def _refuse(what: str, size: int, remedy: str) -> None:
    if size > MOST:
        raise UsageError(
            f"{what} would take {size / GIB:.1f} GiB of memory, and {MOST / GIB:g} is the most",
            remedy=remedy,
        )
