"""A guess at the channel order from what photographs have in common; no other picture is needed.

    symbol   here      meaning                                                    MoLe
    F        maps      features of the released images, one output a row [·,β]    Eq. 5
    Σ        prior     covariance of the pixels that one output reads [αp²,αp²]
    S        seen      covariance of F, about P^T K^T Σ K P                        Eq. 5

Shen et al. (MoLe), arXiv 1909.07632. Where kernels neither overlap nor outnumber the pixels, C^ac
itself keeps the order. The images do not: nearby pixels of photographs are alike, which is all
that Σ says here, as ρ^distance within a channel and κ_c times that between channels. ρ and κ_c are
tried on a grid, and the order with the smallest misfit is kept. Nothing confirms it.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.convolution import kernel_matrix
from dpkit.leakage.attacks.matching import MOST_ROUNDS, match, reorder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import FirstConv

    Matrix = NDArray[np.float64]

SIMILARITIES: Final = (0.8, 0.9, 0.95, 0.98)  # ρ, of neighbouring pixels
COLOUR_SIMILARITIES: Final = (0.5, 0.8, 0.9, 0.95, 0.99)  # of the channels of one pixel
REFINED: Final = 4  # of the grid's best
_TINY: Final = 1e-300


def guess_order(maps: Matrix, conv: FirstConv) -> tuple[NDArray[np.int64], float]:
    """Return the order whose covariance is nearest to that of the features, and the misfit.

    Parameters
    ----------
    maps
        F without bias, float64 [n,β,n_h,n_w].

    Returns
    -------
    order, misfit
        int64 [β] as in `ChannelOrder`; the share of the covariance's energy that differs.
    """
    kernels, rows = kernel_matrix(conv), np.moveaxis(maps, 1, -1).reshape(-1, conv.maps)
    seen = _scaled(np.cov(rows, rowvar=False).reshape(conv.maps, conv.maps))
    colours = COLOUR_SIMILARITIES if conv.channels > 1 else (1.0,)
    priors = [_prior(conv, *similar) for similar in product(SIMILARITIES, colours)]
    expected = [_scaled(kernels.T @ prior @ kernels) for prior in priors]
    expected.sort(key=lambda known: _matched(known, seen, rounds=1)[1])
    found = [_matched(known, seen, rounds=MOST_ROUNDS) for known in expected[:REFINED]]
    return min(found, key=lambda pair: pair[1])


def _matched(known: Matrix, seen: Matrix, *, rounds: int) -> tuple[NDArray[np.int64], float]:
    order = match(known, seen, len(seen), rounds=rounds)
    misfit = np.linalg.norm(seen - reorder(known, order)) / max(float(np.linalg.norm(seen)), _TINY)
    return order, float(misfit**2)


def _prior(conv: FirstConv, similarity: float, colour: float) -> Matrix:
    """Return Σ for the taps of one kernel, in their order."""
    sides = (np.arange(p) * d for p, d in zip(conv.weight.shape[2:], conv.dilation, strict=True))
    down, across = (grid.reshape(-1) for grid in np.meshgrid(*sides, indexing="ij"))
    distance = np.hypot(down[:, None] - down, across[:, None] - across)
    channels = np.full((conv.channels, conv.channels), colour)
    np.fill_diagonal(channels, 1.0)
    return np.kron(channels, similarity**distance)


def _scaled(covariance: Matrix) -> Matrix:
    trace = float(np.trace(covariance))
    return covariance / trace if trace > 0 else covariance
