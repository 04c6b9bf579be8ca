"""Differences of released blocks that come back: a lattice shows its shortest steps.

    symbol   here          meaning
    T        blocks        released blocks under one core [m,q]
             differences   of each block and its nearest others [·,q], sign chosen by a rule
             steps         those that recur, shortest first [s,q], each with its count

Equal up to rounding means in one cell of a grid along a few random directions. Two differences that
have nothing to do with each other share a cell with a chance of about (cell / length)^4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.morphed import FLOAT32_EPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort

    Matrix = NDArray[np.float64]
    Numbers = NDArray[np.int64]

NEIGHBOURS: Final = 6
DIRECTIONS: Final = 4
CELL: Final = 32.0  # of the grid, in roundings of a released value
LEAST_COUNT: Final = 3  # pairs of different blocks that differ alike
_AT_ONCE: Final = 512  # blocks whose distances to all others are held


def steps(blocks: Matrix, effort: Effort) -> tuple[Matrix, Numbers]:
    """Return differences that recur [s,q], shortest first, and how often each was seen [s].

    Length is taken without the mean over a block's values, which the authors' own law adds to every
    row of a core.
    """
    cell = CELL * FLOAT32_EPS * max(float(np.sqrt((blocks**2).mean())), 1e-300)
    rng = effort.rng()
    axes = rng.standard_normal((blocks.shape[1], DIRECTIONS)) / np.sqrt(blocks.shape[1])
    _, first = np.unique(np.rint(blocks @ axes / cell), axis=0, return_index=True)
    unlike = blocks[np.sort(first)]
    differences = _signed(_to_neighbours(unlike, effort))
    differences = differences[np.linalg.norm(differences @ axes, axis=1) > DIRECTIONS * cell]
    _, group, count = np.unique(
        np.rint(differences @ axes / cell), axis=0, return_inverse=True, return_counts=True
    )
    often = np.flatnonzero(count >= LEAST_COUNT)
    sums = np.zeros((len(count), blocks.shape[1]))
    np.add.at(sums, group.reshape(-1), differences)
    means = (sums / count[:, None])[often]
    order = np.argsort(np.linalg.norm(means - means.mean(axis=1, keepdims=True), axis=1))
    return means[order], count[often][order]


def _to_neighbours(blocks: Matrix, effort: Effort) -> Matrix:
    """Return the differences of each block and its nearest others, each pair once."""
    squares = (blocks**2).sum(axis=1)
    pairs: set[tuple[int, int]] = set()
    for start in range(0, len(blocks), _AT_ONCE):
        effort.check()
        here = blocks[start : start + _AT_ONCE]
        distance = squares - 2 * here @ blocks.T
        distance[np.arange(len(here)), start + np.arange(len(here))] = np.inf
        near = np.argpartition(distance, min(NEIGHBOURS, len(blocks) - 1) - 1, axis=1)
        for one, others in enumerate(near[:, :NEIGHBOURS], start):
            pairs.update((min(one, other), max(one, other)) for other in others.tolist())
    left, right = np.array(sorted(pairs)).T
    return np.asarray(blocks[left] - blocks[right], dtype=np.float64)


def _signed(differences: Matrix) -> Matrix:
    """Return them with the largest element of each made positive."""
    largest = np.abs(differences).argmax(axis=1)
    sign = np.sign(differences[np.arange(len(differences)), largest])
    return np.asarray(differences * sign[:, None], dtype=np.float64)
