"""What neighbouring blocks have in common: the moments that survive morphing, and their whitening.

    symbol   here        meaning                                                       MoLe
    D_b      rows        block b of an image, normalised, [n,κ,q]                      Eq. 3
    T_b      rows        the same block released, D_b M′                               Eq. 4
    S        lag 0       E[D_b^T D_b], [q,q]
    R_l      lags        E[D_b^T D_(b+l)], [q,q], over all blocks that have such a neighbour
    W        forward     S^(-1/2): whitened rows D̃ = D W have second moment 1
    Q        (rotation)  D̃ Q = T̃: after whitening on both sides a rotation is left of M′

Shen et al. (MoLe), arXiv 1909.07632. T_b^T T_(b+l) = M′^T D_b^T D_(b+l) M′, so W_D^T R_l W_D = A_l
of any like pictures and B_l of the release agree up to Q: Q^T A_l Q = B_l. Moments are taken about
0, not about a mean, because morphing is linear: black stays black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.morphed import places_of, unrolled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Pair = tuple[NDArray[np.int64], NDArray[np.int64]]

MOST_VALUES: Final = 1 << 25  # of one set of rows: 256 MiB
LEAST_BLOCKS: Final = 4  # κ: fewer have too few neighbours
LEAST_SHARE: Final = 1e-9  # of the largest eigenvalue: below lies the rounding of float32


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """How the release cuts an image [c,h,w] into blocks: `places` int64 [κ,q]."""

    places: NDArray[np.int64]
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, view: AdversaryView) -> Cut:
        """Take it from the public parameters."""
        shape = (view.geometry.channels, view.geometry.height, view.geometry.width)
        return cls(places_of(view), shape)

    def rows(self, images: NDArray[np.generic]) -> Matrix:
        """Return the blocks [n,κ,q] of images [n,c,h,w] or [n,αhw], the first `MOST_VALUES`."""
        most = max(1, MOST_VALUES // self.places.size)
        flat = images[:most].reshape(len(images[:most]), -1)
        return flat[:, self.places].astype(np.float64)

    def images(self, rows: Matrix) -> Matrix:
        """Return images [n,c,h,w] of their blocks [n,κ,q]."""
        flat = np.empty((len(rows), self.places.size))
        flat[:, self.places.reshape(-1)] = rows.reshape(len(rows), -1)
        return flat.reshape(len(rows), *self.shape)


def public_rows(view: AdversaryView, cut: Cut) -> Matrix:
    """Return the blocks [p,κ,q] of the adversary's own pictures, normalised as the release is.

    Raises
    ------
    UsageError
        The adversary has none.
    """
    if view.public is None:
        raise UsageError("this attack needs public pictures, and the view has none")
    most = max(1, MOST_VALUES // cut.places.size)
    return cut.rows(unrolled(view, view.public.pixels[:most]))


def neighbours(view: AdversaryView) -> list[Pair]:
    """Return for each lag the blocks that have such a neighbour, and the neighbours, int64 [·].

    Runs: the next block, one and two rows of the image further, the same place of the other
    channels. Patches: right, below, both, and two further.
    """
    blocks = np.arange(view.kappa)
    if view.blocks == "patch":
        side = round((view.core_size / view.geometry.channels) ** 0.5)
        grid = blocks.reshape(view.geometry.height // side, view.geometry.width // side)
        steps = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
        pairs = [
            (grid[: len(grid) - y, : len(grid[0]) - x].reshape(-1), grid[y:, x:].reshape(-1))
            for y, x in steps
        ]
        return [pair for pair in pairs if len(pair[0])]
    return [(blocks[:-lag], blocks[lag:]) for lag in _run_lags(view)]


def _run_lags(view: AdversaryView) -> list[int]:
    row = max(1, round(view.geometry.width / view.core_size))
    lags = {1, 2, 3, row, row + 1, 2 * row}
    for channel in range(1, view.geometry.channels):
        first = view.kappa * channel // view.geometry.channels
        lags |= {first, first + 1}
    return sorted(lag for lag in lags if 1 <= lag < view.kappa)


def each(rows: Matrix, matrices: Matrix) -> Matrix:
    """Return the blocks [n,κ,q] times a matrix of their own [κ,q,q], or one for all [1,q,q]."""
    return np.asarray((rows.transpose(1, 0, 2) @ matrices).transpose(1, 0, 2), dtype=np.float64)


def moment(rows: Matrix, first: NDArray[np.int64], second: NDArray[np.int64]) -> Matrix:
    """Return E[x_b^T x_b′] over images and pairs of blocks [·], [q,q]."""
    sums = np.zeros((rows.shape[2], rows.shape[2]))
    for one, other in zip(first, second, strict=True):
        sums += rows[:, one].T @ rows[:, other]
    return sums / (len(rows) * len(first))


def hindrance(view: AdversaryView, *, cores: str, largest: int) -> str:
    """Say in words why neighbouring blocks tell nothing of such cores; empty where they may.

    Parameters
    ----------
    cores
        `shared` or `distinct`: which the attack is for.
    largest
        The largest q that it is for.
    """
    q, kappa = view.core_size, view.kappa
    reasons = (
        (view.is_interleaved, "pixels were scattered: neighbouring blocks are no neighbours"),
        (view.cores != cores, f"cores are {view.cores}, and this is for {cores} ones"),
        (view.public is None, "the adversary has no pictures of its own"),
        (kappa < LEAST_BLOCKS, f"{kappa} blocks an image, of the {LEAST_BLOCKS} that are needed"),
        (not 1 < q <= largest, f"blocks of {q} values, and this is for 2 to {largest}"),
    )
    return next((why for holds, why in reasons if holds), "")


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """Makes rows white and back: `forward` W and `back` W⁻¹, [q,q].

    The components stand in the order of their strength in the rows, weakest first.
    """

    forward: Matrix
    back: Matrix

    @classmethod
    def of(cls, second_moment: Matrix) -> Whitening:
        """Take S; directions that are nearly absent are held at `LEAST_SHARE`."""
        strength, vectors = np.linalg.eigh(second_moment)
        scale = np.sqrt(np.maximum(strength, LEAST_SHARE * strength[-1]))
        return cls(vectors / scale, (vectors * scale).T)


def polar(matrix: Matrix) -> Matrix:
    """Return the rotation nearest to a matrix, [q,q]."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right, dtype=np.float64)
