"""Windows of C^ac that share one pixel: what they have in common is that pixel's rows of M⁻¹.

    symbol   here        meaning                                                    MoLe
    A_y      columns     the columns of C^ac for output y, M⁻¹ S_y K G, [αhw,β]      Eq. 5
    K G      (unknown)   secret kernels, their channels mixed by any invertible G    Eq. 1
    δ        step        from one output to the next that shares one pixel with it
    U        filters     [β,α]: A_y U = V_x, for x the last pixel of y's window
    V_x      (columns)   M⁻¹[:,(·,x)] R, with one unknown R [α,α] for all pixels
    W        kernels     K G in the basis of R: A_y = Σ_t V_(y+t) W_t

Shen et al. (MoLe), arXiv 1909.07632. Whatever K and G are, the columns of A_y span what M⁻¹ has
for the αp² values that output y reads. Windows δ = d(p-1)/s outputs apart, down and across, share
one pixel, so α canonical correlations between A_y and A_(y+δ) are 1, and for a wrong p not α of
them are: the answer checks itself. One G for all outputs gives one U for all, found from the sums
over many windows; then F_y U = D_x R, a 1x1 convolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.columns import output_rows
from dpkit.leakage.attacks.convolution import interior_corners

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import AugConv, FirstConv

    Matrix = NDArray[np.float64]
    Places = NDArray[np.int64]

MOST_WINDOWS: Final = 32
LEAST_WINDOWS: Final = 2
MOST_PLACES: Final = 256  # over which the basis of colours is evened out
_OPERATIONS: Final = 2e10  # spent on one step's Gram matrices: seconds of one core
SHARED: Final = 1e-3  # 1 - correlation of what windows share; measured up to 5e-7 in float16
APART: Final = 10.0  # so many times that of what they do not share
_LOST: Final = 1e-15  # eigenvalues below that, relative to the largest, are rounding


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What A_y and A_(y+δ) have in common.

    Parameters
    ----------
    filters
        U, float64 [β,α].
    shared, other
        1 - the least canonical correlation of the α that are to be 1, and that of the next one.
    """

    filters: Matrix
    shared: float
    other: float

    @property
    def is_found(self) -> bool:
        """Whether exactly α directions are common."""
        return self.shared <= SHARED and self.other >= APART * max(self.shared, _LOST)


def step_of(conv: FirstConv) -> tuple[int, int] | None:
    """Return δ, down and across; None where no two windows share exactly one pixel."""
    spans = [d * (p - 1) for d, p in zip(conv.dilation, conv.weight.shape[2:], strict=True)]
    if any(span == 0 or span % s for span, s in zip(spans, conv.stride, strict=True)):
        return None
    down, across = (span // s for span, s in zip(spans, conv.stride, strict=True))
    return down, across


def pairs_of(conv: FirstConv) -> Places:
    """Return all y and y + δ whose windows read no padding, int64 [m,2,2]."""
    step = step_of(conv)
    corners = interior_corners(conv, 1)
    if step is None or not len(corners):
        return np.empty((0, 2, 2), np.int64)
    first = corners[(corners + step <= corners.max(axis=0)).all(axis=1)]
    return np.stack([first, first + step], axis=1)


def common(augconv: AugConv, conv: FirstConv, pairs: Places) -> Common | None:
    """Return what all pairs of windows [m,2,2] have in common by one U.

    Parameters
    ----------
    conv
        Its geometry alone; kernels are not looked at.

    Returns
    -------
    Common or None
        None where the columns span fewer dimensions than αp².
    """
    maps, pixels = conv.maps, conv.channels * int(np.prod(conv.weight.shape[2:]))
    gram = np.zeros((2 * maps, 2 * maps))
    for rows in output_rows(augconv, pairs):
        flat = rows.reshape(len(rows), -1)
        gram += flat.T @ flat
    whiteners = [_whitener(part, pixels) for part in (gram[:maps, :maps], gram[maps:, maps:])]
    if whiteners[0] is None or whiteners[1] is None:
        return None
    both = whiteners[0].T @ gram[:maps, maps:] @ whiteners[1]
    left, correlations, _ = np.linalg.svd(both)
    away = 1 - np.append(correlations, 0.0)  # a zero where all are shared, as by 1x1 images
    found = whiteners[0] @ left[:, : conv.channels]
    return Common(found, float(max(0, away[conv.channels - 1])), float(away[conv.channels]))


def even_colours(augconv: AugConv, pairs: Places, filters: Matrix) -> Matrix:
    """Return U in the basis in which Σ V_x^T V_x = 1, over many pixels.

    Rows of a random M⁻¹ favour no colour, so R then is nearly a rotation, where one core serves
    all blocks. Of distinct cores the worst conditioned one outweighs the others.
    """
    total = np.zeros((filters.shape[1],) * 2)
    for rows in output_rows(augconv, spread(pairs[:, :1], MOST_PLACES)):
        columns = rows[:, 0] @ filters
        total += columns.T @ columns
    values, vectors = np.linalg.eigh(total)
    return np.asarray(filters @ (vectors / np.sqrt(values)) @ vectors.T, dtype=np.float64)


def kernels_of(augconv: AugConv, conv: FirstConv, filters: Matrix) -> tuple[FirstConv, float]:
    """Return W as a layer of stride 1, and the share of the energy of A_y that it leaves.

    Least squares over some windows y of A_y on the V of all pixels that y reads.
    """
    taps, depth = int(np.prod(conv.weight.shape[2:])), conv.channels * conv.weight[0, 0].size
    normal, right, energy = np.zeros((depth, depth)), np.zeros((depth, conv.maps)), 0.0
    for rows in output_rows(augconv, _surrounded(augconv, conv)):
        seen, columns = rows[:, 0], (rows[:, 1:] @ filters).reshape(len(rows), depth)
        normal += columns.T @ columns
        right += columns.T @ seen
        energy += float((seen**2).sum())
    weights = np.linalg.solve(normal, right)  # [p_h p_w α,β]
    left_over = max(0.0, 1 - float((weights * right).sum()) / energy)
    kernels = weights.T.reshape(conv.maps, taps, conv.channels).swapaxes(1, 2)
    found = kernels.reshape(conv.weight.shape).astype(np.float32)
    return replace(conv, weight=np.ascontiguousarray(found)), left_over


def _surrounded(augconv: AugConv, conv: FirstConv) -> Places:
    """Return some y, each followed by the outputs whose last pixels are those that y reads."""
    down, across = (np.arange(1 - p, 1) * d for p, d in _sides(conv))
    around = np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = interior_corners(conv, 1)
    first = corners[(corners + around[0] >= corners.min(axis=0)).all(axis=1)]
    groups = np.concatenate([first[:, None], first[:, None] + around], axis=1)
    values = int(np.prod(augconv.input_shape))
    operations = 2 * values * len(around) * conv.maps * conv.channels * (1 + len(around))
    return spread(groups, windows(operations))


def _sides(conv: FirstConv) -> Iterator[tuple[int, int]]:
    return zip(conv.weight.shape[2:], conv.dilation, strict=True)


def windows(operations: int) -> int:
    """Return how many windows are read where one costs so much."""
    return int(np.clip(_OPERATIONS // operations, LEAST_WINDOWS, MOST_WINDOWS))


def spread(groups: Places, most: int) -> Places:
    """Return at most so many groups, evenly spread."""
    chosen = np.unique(np.linspace(0, len(groups) - 1, most).astype(int))
    return np.asarray(groups[chosen], dtype=np.int64)


def _whitener(gram: Matrix, dimensions: int) -> Matrix | None:
    """Return [β,dimensions] that makes a Gram matrix the identity; None below that rank."""
    values, vectors = np.linalg.eigh(gram)
    if dimensions > len(gram) or values[-dimensions] <= _LOST * values[-1]:
        return None
    return np.asarray(vectors[:, -dimensions:] / np.sqrt(values[-dimensions:]), dtype=np.float64)
