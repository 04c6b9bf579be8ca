"""Morphed images as blocks, and originals as the rows that were multiplied.

    symbol   here      meaning                                            MoLe
    T        blocks    released values, cut into κ blocks of q, [n,κ,q]   Eq. 2
    D        rows      originals, normalised and unrolled, [n,αhw]        4.1

Shen et al. (MoLe), arXiv 1909.07632. Where pixels were scattered before the cut, block b of T still
holds what became of q pixels; only which ones is secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.types import block_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

FLOAT32_EPS: Final = float(np.finfo(np.float32).eps)


def places_of(view: AdversaryView) -> NDArray[np.int64]:
    """Return where the values of each block stand in an unrolled image, int64 [κ,q]."""
    shape = view.geometry
    return block_places(view.blocks, view.kappa, (shape.channels, shape.height, shape.width))


def cut(view: AdversaryView, values: NDArray[Any]) -> Matrix:
    """Return released values [n,c,h,w] as blocks, float64 [n,κ,q]."""
    rows = values.reshape(len(values), -1)
    return np.asarray(rows[:, places_of(view)], dtype=np.float64)


def joined(view: AdversaryView, blocks: Matrix) -> Matrix:
    """Return blocks [n,κ,q] as unrolled images [n,αhw]: the reverse of `cut`."""
    rows = np.empty((len(blocks), view.geometry.elements))
    rows[:, places_of(view)] = blocks
    return rows


def by_core(view: AdversaryView, blocks: Matrix) -> Matrix:
    """Return blocks [n,κ,q] in groups under one core: [1,nκ,q] shared, [κ,n,q] distinct."""
    if view.cores == "shared":
        return blocks.reshape(1, -1, blocks.shape[2])
    return np.ascontiguousarray(blocks.transpose(1, 0, 2))


def unrolled(view: AdversaryView, pixels: NDArray[Any]) -> Matrix:
    """Return originals [n,h,w,c] as rows D, float64 [n,αhw]: normalised, channel by channel."""
    scale, bias = view.affine
    planes = np.moveaxis(pixels * scale + bias, -1, 1)
    return np.ascontiguousarray(planes).reshape(len(pixels), -1)
