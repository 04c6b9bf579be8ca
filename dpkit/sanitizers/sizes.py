"""Sizes of blocks and products: which κ is possible, and how many images one product takes.

N     elements of an image, αhw
κ     blocks of an image; it divides N
q     length of a block, N/κ; a core has q² elements
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

from dpkit.errors import UsageError
from dpkit.types import patch_side

_COPIES: Final = 4  # float64 core, its inverse, and the work of the linear algebra
_NEAREST: Final = 3  # divisors named on each side
_GIB: Final = 2**30

# Measured with OpenBLAS on its Haswell kernels: a shorter product packs the core again too
# often, a longer float tile leaves the cache.
_SMALL_CORE: Final = 768
_LARGE_CORE: Final = 2000
_TILE_FLOATS: Final = 1 << 19  # 2 MiB, for cores up to _SMALL_CORE
_LARGE_ROWS: Final = 1024  # blocks in a product, for cores from _LARGE_CORE
_DISTINCT_IMAGES: Final = 256  # a core of its own meets one block of each image
_DISTINCT_FLOATS: Final = 1 << 23  # 32 MiB

_CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")  # control groups, version 2


def check_kappa(kappa: int, elements: int) -> None:
    """Raise `UsageError`, naming the nearest divisors, where κ does not divide N = `elements`."""
    if kappa <= elements and elements % kappa == 0:
        return
    divisors = divisors_of(elements)
    below = [d for d in divisors if d < kappa][-_NEAREST:]
    above = [d for d in divisors if d > kappa][:_NEAREST]
    near = ", ".join(str(d) for d in (*below, *above))
    raise UsageError(
        f"kappa {kappa} does not divide the {elements} values of an image",
        remedy=f"the nearest that do: {near}",
    )


def check_patches(kappa: int, height: int, width: int) -> None:
    """Raise `UsageError`, naming what would work, where κ square patches do not cover an image."""
    if patch_side(kappa, height, width):
        return
    sides = divisors_of(math.gcd(height, width))
    fits = sorted({height * width // (side * side): side for side in sides}.items())
    near = sorted(fits, key=lambda fit: abs(math.log(fit[0] / kappa)))[: 2 * _NEAREST]
    listed = ", ".join(f"{k} ({side}x{side})" for k, side in sorted(near))
    raise UsageError(
        f"kappa {kappa} cuts {height}x{width} pixels into no square patches",
        remedy=f"the nearest that do, with their patches: {listed}",
    )


def check_memory(kappa: int, elements: int, *, is_distinct: bool) -> None:
    """Raise `UsageError`, naming the smallest κ that fits, where the cores exceed memory."""
    limit = physical_memory()
    core = core_bytes(kappa, elements, is_distinct=is_distinct)
    if _COPIES * core <= limit:
        return
    fits = (
        d
        for d in divisors_of(elements)
        if _COPIES * core_bytes(d, elements, is_distinct=is_distinct) <= limit
    )
    q = elements // kappa
    what = f"{kappa} cores of {q}x{q}" if is_distinct else f"a core of {q}x{q}"
    smallest = next(fits, None)
    raise UsageError(
        f"{what} takes {core / _GIB:.1f} GiB, and {_COPIES} times that to invert, "
        f"of {limit / _GIB:.1f} GiB of memory",
        remedy=f"the smallest kappa that fits: {smallest}" if smallest else "choose a smaller size",
    )


def core_bytes(kappa: int, elements: int, *, is_distinct: bool) -> int:
    """Return the bytes of all cores in float64."""
    q = elements // kappa
    return 8 * q * q * (kappa if is_distinct else 1)


def product_images(kappa: int, elements: int, *, is_distinct: bool) -> int:
    """Return how many images fill one matrix product well: at least 1, by size alone."""
    if is_distinct:
        return max(1, min(_DISTINCT_IMAGES, _DISTINCT_FLOATS // elements))
    return max(1, -(-_product_blocks(elements // kappa) // kappa))


def divisors_of(n: int) -> list[int]:
    """Return all divisors of `n` >= 1, ascending."""
    low = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return low + [n // d for d in reversed(low) if d * d != n]


def physical_memory() -> float:
    """Return the bytes of memory of this machine or container; infinite where nothing tells."""
    try:
        machine = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not POSIX
        return float("inf")
    try:
        return min(machine, float(_CONTAINER_LIMIT.read_text()))
    except (OSError, ValueError):  # no control groups, or "max"
        return machine


def _product_blocks(q: int) -> int:
    """Return how many blocks one product takes: a cache-sized tile, or 1024 for large cores."""
    if q >= _LARGE_CORE:
        return _LARGE_ROWS
    if q <= _SMALL_CORE:
        return _TILE_FLOATS // q
    start = _TILE_FLOATS // _SMALL_CORE
    return start + (_LARGE_ROWS - start) * (q - _SMALL_CORE) // (_LARGE_CORE - _SMALL_CORE)
