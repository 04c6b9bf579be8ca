"""Filling holes of pictures from what stands around them: the surface that bends least.

The sum of squared Laplacians (five points, mirrored at the border) is made least over the hole,
known pixels held, by conjugate gradients on several pictures at once. It begins from the smallest
sum of squared steps, which is nearly it and quickly found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort

    Singles = NDArray[np.float32]

STEPS: Final = 100  # of conjugate gradients, for each of the two sums
AT_ONCE: Final = 8  # pictures: few, so that they stay in the processor's cache
SMALL_ENOUGH: Final = 1e-4  # a residual, relative to the first
_TINY: Final = 1e-20


def filled(images: NDArray[Any], hole: NDArray[np.bool_], effort: Effort) -> Singles:
    """Return images [n,c,h,w] with their holes [n,1,h,w] filled, float32.

    A picture without a known pixel stays as it is.
    """
    is_open = hole & ~hole.all(axis=(1, 2, 3), keepdims=True)
    parts = range(0, len(images), AT_ONCE)
    found = [_filled(images[i : i + AT_ONCE], is_open[i : i + AT_ONCE], effort) for i in parts]
    return np.concatenate(found)


def _filled(images: NDArray[Any], hole: NDArray[np.bool_], effort: Effort) -> Singles:
    flat = _least(images.astype(np.float32), hole, _laplacian, effort)
    if not effort.is_full:
        return flat
    return _least(flat, hole, lambda x: _laplacian(_laplacian(x)), effort)


def _least(
    images: Singles,
    hole: NDArray[np.bool_],
    operator: Callable[[Singles], Singles],
    effort: Effort,
) -> Singles:
    """Return what makes x·operator(x) least over the hole."""
    found = images.copy()
    rest = np.where(hole, -operator(found), np.float32(0))
    step, energy = rest, _energy(rest)
    first = energy
    for _ in range(STEPS):
        effort.check()
        if (energy <= SMALL_ENOUGH**2 * first).all():
            break
        moved = np.where(hole, operator(step), np.float32(0))
        along = (step * moved).sum(axis=(1, 2, 3), keepdims=True)
        length = energy / np.maximum(along, _TINY)
        found, rest = found + length * step, rest - length * moved
        before, energy = energy, _energy(rest)
        step = rest + energy / np.maximum(before, _TINY) * step
    return found


def _energy(rest: Singles) -> Singles:
    return np.asarray((rest * rest).sum(axis=(1, 2, 3), keepdims=True))


def _laplacian(x: Singles) -> Singles:
    """Return minus the sum of steps to the neighbours inside the picture, [n,c,h,w]."""
    total = np.zeros_like(x)
    down, right = np.diff(x, axis=2), np.diff(x, axis=3)
    total[:, :, :-1] -= down
    total[:, :, 1:] += down
    total[..., :-1] -= right
    total[..., 1:] += right
    return total
