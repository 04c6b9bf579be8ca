"""What an Aug-Conv layer costs, said before it is made, and what would cost less."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dpkit.augconv import plan_augconv
from dpkit.errors import DpkitError, UsageError
from dpkit.sanitizers.sizes import divisors_of, physical_memory
from dpkit.types import patch_side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

    from dpkit.augconv import AugConvPlan

_TRIED: Final = 6  # other cuts whose size is found
_NAMED: Final = 3
_FLOAT16: Final = 2  # bytes
_MOST_BLOCKS: Final = 4096
_MOST_WORK: Final = 2**32  # 4 GiB
_MEMORY_SHARE: Final = 0.25  # of the machine's
_MOST_MATRICES: Final = 65_000  # an object of the keystore holds 65,536 arrays


@dataclass(frozen=True, slots=True)
class Cost:
    """`size_bytes` of the layer, and `dense_bytes` of the paper's C^ac in the same type."""

    size_bytes: int
    dense_bytes: int

    def sentence(self, kappa: int, free_bytes: int, seconds: float) -> str:
        """Say both, the disk, and the time that it will take."""
        dense = (
            "the paper's dense matrix"
            if self.size_bytes == self.dense_bytes
            else f"the paper's dense matrix would take {in_bytes(self.dense_bytes)}"
        )
        return (
            f"Aug-Conv for {kappa} blocks: {in_bytes(self.size_bytes)} ({dense}), "
            f"{in_bytes(free_bytes)} free in the keystore, about {max(1, round(seconds))} s"
        )


def cost_of(plan: AugConvPlan, dtype: np.dtype[np.floating]) -> Cost:
    """Return what a layer costs in this type."""
    return Cost(plan.elements * dtype.itemsize, plan.dense_elements * dtype.itemsize)


def refuse_memory(plan: AugConvPlan) -> None:
    """Raise `UsageError` where a layer, however small, cannot be made in this machine's memory.

    A first layer is a stranger's: its padding, kernels and steps may be of any size.
    """
    limit = min(_MOST_WORK, _MEMORY_SHARE * physical_memory())
    if plan.work_bytes > limit:
        kernel, padding = plan.layer.weight.shape[2:], plan.layer.padding
        raise UsageError(
            f"kernels of {kernel[0]}x{kernel[1]} with padding {padding} take "
            f"{in_bytes(plan.work_bytes)} of memory to convolve, above {in_bytes(int(limit))}",
            remedy="ask for a first layer with smaller kernels and padding",
        )
    if len(plan.reaches) > _MOST_MATRICES:
        raise UsageError(
            f"Aug-Conv would hold {len(plan.reaches)} matrices, above {_MOST_MATRICES}",
            remedy="release again with a smaller kappa, or with --cores shared",
        )


def refuse_large(plan: AugConvPlan, cost: Cost, max_bytes: int) -> None:
    """Raise `UsageError`, with what would be smaller, above the user's limit."""
    if cost.size_bytes <= max_bytes:
        return
    each = cost.size_bytes // plan.elements
    smaller = [
        text for size, text in _smaller(plan, each) if size < min(max_bytes, plan.elements * each)
    ]
    remedies = ["release again with " + " or ".join(smaller[:_NAMED])] if smaller else []
    if each > _FLOAT16 and cost.size_bytes // 2 <= max_bytes:
        half = in_bytes(cost.size_bytes // 2)
        remedies.append(
            f"build with --dtype float16 ({half}; coarse unless the core is orthogonal)"
        )
    remedies.append("choose a first layer with a larger stride or fewer maps")
    raise UsageError(
        f"Aug-Conv would take {in_bytes(cost.size_bytes)}, above --max-bytes {in_bytes(max_bytes)}",
        remedy=", or ".join(remedies),
    )


def refuse_full_disk(folder: Path, cost: Cost) -> int:
    """Return the free bytes of a folder's disk; raise where the layer does not fit."""
    free = shutil.disk_usage(folder).free
    if cost.size_bytes > free:
        raise DpkitError(
            f"{folder}: {in_bytes(free)} free, Aug-Conv takes {in_bytes(cost.size_bytes)}",
            remedy="make room, or move the keystore to a larger disk",
        )
    return free


def in_bytes(size: int) -> str:
    """Write a number of bytes for a person.

    Examples
    --------
    >>> in_bytes(805306368), in_bytes(2359296), in_bytes(900)
    ('805 MB', '2.36 MB', '900 bytes')
    """
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def _smaller(plan: AugConvPlan, each: int) -> Iterator[tuple[int, str]]:
    """Yield the size of other cuts of the image with shared cores, and how to ask for them."""
    _, height, width = plan.layer.input_shape
    kernel = int(plan.layer.weight.shape[2])
    sides = [kernel] if plan.layer.is_patch_embedding else [16, 8, 4]
    for side in sides:
        kappa = height * width // (side * side)
        if patch_side(kappa, height, width) == side:
            size = plan_augconv(plan.layer, "patch", kappa, is_distinct=False).elements * each
            yield size, f"--blocks patch --kappa {kappa} ({in_bytes(size)})"
    if plan.blocks == "patch":
        return
    above = [k for k in divisors_of(math.prod(plan.layer.input_shape)) if k > plan.kappa]
    for kappa in [k for k in above if k <= _MOST_BLOCKS][:: max(1, len(above) // _TRIED)]:
        size = plan_augconv(plan.layer, plan.blocks, kappa, is_distinct=False).elements * each
        yield size, f"--kappa {kappa} ({in_bytes(size)})"
