"""The inverse of the core by least squares from C^ac, once the order of its channels is known.

    symbol   here       meaning                                                     MoLe
    A_b      matrices   the rows of C^ac for block b, M′⁻¹ C_b                       Eq. 5
    C_b      (never     the rows of the convolution for the pixels of block b       Eq. 1
              built)
    R, H     right,     Σ A_b C_b^T and Σ C_b C_b^T, [q,q]: M′⁻¹ = R H⁻¹
             normal

Shen et al. (MoLe), arXiv 1909.07632. Blocks that share a core are summed, each matrix once. Where
kernels do not determine a pixel (fewer kernels than pixels in a patch) its part of the answer is
the shortest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from dpkit.leakage.attacks.columns import row_chunks
from dpkit.leakage.attacks.convolution import kernel_matrix, tap_places
from dpkit.types import block_places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dpkit.types import AugConv, FirstConv

    Matrix = NDArray[np.float64]

LARGEST_CORE: Final = 4096  # q: two matrices of 128 MiB
RIDGE: Final = 1e-12  # of the mean diagonal: makes pixels that no kernel reads 0


@dataclass(frozen=True, slots=True, eq=False)
class KeyEquations:
    """Normal equations of one core: M′⁻¹ H = R, float64 [q,q] each."""

    right: Matrix
    normal: Matrix

    def opened(self, rows: Matrix) -> Matrix:
        """Return rows [n,q] of T times M′⁻¹; the identity gives M′⁻¹ itself."""
        ridge = RIDGE * np.trace(self.normal) / len(self.normal)
        factor = cho_factor(self.normal + ridge * np.eye(len(self.normal)), lower=True)
        return np.asarray(cho_solve(factor, (rows @ self.right).T).T, dtype=np.float64)


def key_equations(
    augconv: AugConv, conv: FirstConv, order: NDArray[np.int64], among: Iterable[int]
) -> KeyEquations:
    """Gather the equations of the core that the blocks `among` share; alike blocks count once.

    Parameters
    ----------
    order
        int64 [β], of `channel_order.find_order`.
    """
    kernels = kernel_matrix(conv)[:, order]
    places = block_places(augconv.blocks, augconv.kappa, augconv.input_shape)
    taps, inside = tap_places(conv), np.full(places.size + 1, -1)  # its last stands for padding
    q = places.shape[1]
    equations = KeyEquations(np.zeros((q, q)), np.zeros((q, q)))
    for block in _one_of_each(augconv, among):
        inside[:] = -1
        inside[places[block]] = np.arange(q)
        high, wide = augconv.matrices[augconv.matrix_of[block]].shape[2:]
        top, left = augconv.windows[block]
        reads = inside[taps[:, top : top + high, left : left + wide]].reshape(len(taps), -1)
        _add_normal(equations.normal, kernels @ kernels.T, reads)
        _add_right(equations.right, augconv, block, kernels, reads)
    return equations


def _one_of_each(augconv: AugConv, among: Iterable[int]) -> list[int]:
    return list({int(augconv.matrix_of[block]): block for block in among}.values())


def _add_normal(normal: Matrix, products: Matrix, reads: NDArray[np.int64]) -> None:
    """Add C_b C_b^T: for each output K K^T at the pixels that it reads, [taps,outputs]."""
    for output in reads.T:
        taps = np.flatnonzero(output >= 0)
        normal[np.ix_(output[taps], output[taps])] += products[np.ix_(taps, taps)]


def _add_right(
    right: Matrix, augconv: AugConv, block: int, kernels: Matrix, reads: NDArray[np.int64]
) -> None:
    """Add A_b C_b^T: the transposed convolution of each row of A_b."""
    matrix = augconv.matrices[augconv.matrix_of[block]]
    taken = [np.flatnonzero(tap >= 0) for tap in reads]  # outputs whose tap lies in the block
    for part in row_chunks(matrix):
        rows = matrix[part].astype(np.float64)
        products = kernels @ rows.reshape(len(rows), len(kernels[0]), -1)  # [rows,taps,outputs]
        sums = right[part]
        for tap, outputs in enumerate(taken):
            sums[:, reads[tap, outputs]] += products[:, tap, outputs]
