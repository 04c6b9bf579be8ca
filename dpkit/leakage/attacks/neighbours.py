"""Pixels that were each seen in an unknown basis of their own, brought into one.

    symbol   here      meaning
    D_x R_x  planes    pixel x of all images, in its own basis, [n,α]
    Z_x      white     the same with its covariance over the images made 1
    Q_x                the rotation that brings Z_x nearest to its neighbours (Schönemann 1966)

Neighbouring pixels of photographs are alike over many images, so each pixel is turned to the mean
of those of its neighbours that were turned before. A pixel's variance over the images is taken to
be the same everywhere: least squares alone would shrink it from pixel to pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_LEAST: Final = 1e-12  # of the largest variance; a pixel that never varies has no basis


def aligned(planes: Numbers) -> Numbers:
    """Return planes [n,α,h,w] in one basis, in which the squares of all changes of basis add to 1.

    Where the columns of each pixel were orthonormal before, that favours no colour.
    """
    count, depth, high, wide = planes.shape
    found = np.zeros((count, depth, high + 1, wide + 1))  # a border of zeros above and left
    changes = np.empty((high, wide, depth, depth))
    total = np.zeros((depth, depth))
    for i, j in np.ndindex(high, wide):
        pixel = planes[:, :, i, j]
        whiten = _whitener(pixel)
        white = (pixel - pixel.mean(axis=0)) @ whiten
        near = found[:, :, i, j + 1] + found[:, :, i + 1, j]
        left, _, right = np.linalg.svd(white.T @ near)
        turn = left @ right if i or j else np.eye(depth)
        found[:, :, i + 1, j + 1] = white @ turn
        changes[i, j] = whiten @ turn
        total += changes[i, j].T @ changes[i, j]
    values, vectors = np.linalg.eigh(total)
    even = (vectors / np.sqrt(values)) @ vectors.T
    return np.einsum("nahw,hwab->nbhw", planes, changes @ even, optimize=True)


def _whitener(pixel: Numbers) -> Numbers:
    values, vectors = np.linalg.eigh(np.cov(pixel, rowvar=False).reshape(pixel.shape[1], -1))
    least = _LEAST * values[-1] if values[-1] > 0 else 1.0
    return np.asarray((vectors / np.sqrt(np.maximum(values, least))) @ vectors.T, dtype=np.float64)
