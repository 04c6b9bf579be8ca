"""Pixels that were each seen in an unknown basis of their own, brought into one.

    symbol   here      meaning
    D_x R_x  planes    pixel x of all images, in its own basis, [n,α]
    B_x      change    R_x⁻¹ R: what brings it into the common basis, [α,α]

Neighbouring pixels of photographs are alike, and in most images nearly equal: each pixel is
brought to the mean of those of its neighbours that were brought before. Images in which it is
unlike them (edges) weigh less, one over their distance, a few rounds long. Least squares alone
would shrink a pixel a little, and so all of the image from pixel to pixel; both are therefore
whitened first and a rotation is sought (Schönemann 1966).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

ROUNDS: Final = 8
_LEAST: Final = 1e-12  # of the largest variance; a pixel that never varies has no basis
_NEAR: Final = 0.1  # of the median distance: nearer images weigh no more


def aligned(planes: Numbers) -> Numbers:
    """Return planes [n,α,h,w] in one basis, in which the squares of all changes of basis add to 1.

    Where the columns of each pixel were orthonormal before, that favours no colour.
    """
    _, depth, high, wide = planes.shape
    found = np.empty_like(planes)
    total = np.zeros((depth, depth))
    for i, j in np.ndindex(high, wide):
        pixel = planes[:, :, i, j]
        near = [found[:, :, i - 1, j]] * (i > 0) + [found[:, :, i, j - 1]] * (j > 0)
        change = change_to(pixel, np.mean(near, axis=0)) if near else np.eye(depth)
        found[:, :, i, j] = pixel @ change
        total += change.T @ change
    values, vectors = np.linalg.eigh(total)
    even = (vectors / np.sqrt(values)) @ vectors.T
    return np.asarray(np.einsum("nahw,ab->nbhw", found, even, optimize=True), dtype=np.float64)


def change_to(pixel: Numbers, near: Numbers) -> Numbers:
    """Return the change of basis [α,α] that brings a pixel [n,α] to its neighbours [n,α]."""
    weights = np.ones(len(pixel))
    change = np.eye(pixel.shape[1])
    for _ in range(ROUNDS):
        weighed = [part * np.sqrt(weights)[:, None] for part in (pixel, near)]
        (white, _), (near_white, back) = (_roots(part.T @ part) for part in weighed)
        left, _, right = np.linalg.svd(white @ weighed[0].T @ weighed[1] @ near_white)
        change = white @ left @ right @ back
        distance = np.linalg.norm(pixel @ change - near, axis=1)
        weights = 1 / np.maximum(distance, _NEAR * np.median(distance) + np.finfo(float).tiny)
    return np.asarray(change, dtype=np.float64)


def _roots(moments: Numbers) -> tuple[Numbers, Numbers]:
    """Return one over the square root of a matrix, and the root."""
    values, vectors = np.linalg.eigh(moments)
    roots = np.sqrt(np.maximum(values, _LEAST * values[-1] + np.finfo(float).tiny))
    return (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T
