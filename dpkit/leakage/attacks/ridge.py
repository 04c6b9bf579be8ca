"""Ridge regression from morphed to original blocks, its weight chosen without any original.

    symbol   here        meaning
    T        morphed     rows that are known in both forms, morphed [r,q]
    D        plain       the same rows before morphing [r,p]
    λ        weight      of the squared length of X, relative to T's largest singular value squared
    X        (solve)     argmin |T X − D|² + λ|X|²

X maps a new row t to t X. It is never built where rows are fewer than q: t X = (t V) f (U^T D) by
T = U S V^T. λ is the one with the smallest error when each row in turn is left out, which needs no
second fit (Allen 1974, PRESS; Golub, Heath and Wahba 1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

WEIGHTS: Final = tuple(10.0**-power for power in range(1, 16))
SVD_SIDE: Final = 1024  # beyond, singular values come from the smaller Gram matrix
_TINY: Final = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A fit: `right` V [q,s], `coefficients` f U^T D [s,p], λ, and the error of rows left out.

    `error` is relative to the size of D; 1 says that nothing was learned.
    """

    right: Matrix
    coefficients: Matrix
    weight: float
    error: float

    def __call__(self, morphed: Matrix) -> Matrix:
        """Return what rows [m,q] were before morphing, [m,p]."""
        return np.asarray((morphed @ self.right) @ self.coefficients, dtype=np.float64)


def fit(morphed: Matrix, plain: Matrix) -> Ridge:
    """Fit X on known rows [r,q] and [r,p], λ by leaving out one row after the other."""
    left, values, right = _decomposed(morphed)
    turned = left.T @ plain
    outside = plain - left @ turned if len(morphed) > len(values) else None
    kept = 1 - (left**2).sum(axis=1) if outside is not None else np.zeros(len(morphed))
    size = max(float((plain**2).sum()), _TINY)
    best = (np.inf, WEIGHTS[0])
    for weight in WEIGHTS:
        missing = _missing(values, weight)
        rest = left @ (missing[:, None] * turned)
        if outside is not None:
            rest += outside
        unseen = np.maximum((left**2) @ missing + kept, _TINY)
        best = min(best, (float(((rest / unseen[:, None]) ** 2).sum()) / size, weight))
    error, weight = best
    gains = (1 - _missing(values, weight)) / np.maximum(values, _TINY)
    return Ridge(right, gains[:, None] * turned, weight, float(np.sqrt(error)))


def _missing(values: Matrix, weight: float) -> Matrix:
    """Return λ/(s² + λ): what of each direction the fit leaves out."""
    share = weight * max(float(values[0]) ** 2, _TINY)
    return share / (values**2 + share)


def _decomposed(rows: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Return U [r,s], S [s] from the largest down, and V [q,s] of rows [r,q]; s = min(r, q)."""
    if min(rows.shape) <= SVD_SIDE:
        left, values, right = np.linalg.svd(rows, full_matrices=False)
        return left, values, right.T
    is_wide = rows.shape[0] < rows.shape[1]
    squares, vectors = np.linalg.eigh(rows @ rows.T if is_wide else rows.T @ rows)
    values = np.sqrt(np.maximum(squares[::-1], squares[-1] * 1e-16))
    vectors = np.ascontiguousarray(vectors[:, ::-1])
    other = (rows.T @ vectors if is_wide else rows @ vectors) / values
    return (vectors, values, other) if is_wide else (other, values, vectors)
