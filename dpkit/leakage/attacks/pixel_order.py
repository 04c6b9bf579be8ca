"""Columns of a block that stand at a wrong place, put where pictures get smoother.

    symbol   here     meaning
    D̃ F      (frame)  whitened rows seen pixel by pixel, F = V^T of S = V Λ V^T
    P        orders   a permutation of the columns of a block: D̃ F P F^T

What is wrong with a rotation that descent has ended at is, seen pixel by pixel, nearly always the
order: between two places all columns stand one too far, one column is lost and another is there
twice; or a stretch is mirrored. Total variation hardly minds, and no small step leads out. So
columns are moved in one go, where pictures are rougher than elsewhere (measured: there stands
the one too many), from there to every third place; a short descent tells which move was good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.core_rotation import Puzzle, refined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort

    Matrix = NDArray[np.float64]
    Order = NDArray[np.int64]

ROUNDS: Final = 3  # of moves, each from where the last one led
PEAKS: Final = 3  # places from which a column is taken
STRIDE: Final = 3  # columns between the places where it is put
SCREENED: Final = 30  # steps after every move
SETTLED: Final = 80  # more, after the best moves
KEPT: Final = 3  # moves
FEWEST: Final = 8  # columns of a block
_PICTURES: Final = 400  # whose steps are measured


def reordered(puzzle: Puzzle, rotations: Matrix, effort: Effort) -> Matrix:
    """Return the rotation [1,q,q] after the moves that made pictures smoother."""
    columns = _columns(puzzle)
    if columns is None:
        return rotations
    for _ in range(ROUNDS):
        stay = refined(puzzle, rotations, SETTLED, effort)
        tried = [
            refined(puzzle, _moved(puzzle, stay, columns, order), SCREENED, effort)
            for order in _orders(_steps(puzzle, stay, columns))
        ]
        best = sorted(tried, key=puzzle.roughness)[:KEPT]
        settled = [refined(puzzle, one, SETTLED, effort) for one in best]
        rotations = min([stay, *settled], key=puzzle.roughness)
        if rotations is stay:
            break
    return rotations


def _columns(puzzle: Puzzle) -> Order | None:
    """Return which values of a block stand in each column, [m,q/m]; None where that differs."""
    where = puzzle.cut.places[0] % puzzle.cut.shape[2]
    found, counts = np.unique(where, return_counts=True)
    if len(found) < FEWEST or counts.min() != counts.max():
        return None
    return np.argsort(where, kind="stable").reshape(len(found), -1)


def _steps(puzzle: Puzzle, rotations: Matrix, columns: Order) -> Matrix:
    """Return the mean step between each column and the next, [m-1]."""
    rows = puzzle.white[:_PICTURES] @ (rotations[0].T @ puzzle.back[0])
    return np.asarray(np.abs(np.diff(rows[:, :, columns], axis=2)).mean(axis=(0, 1, 3)))


def _orders(steps: Matrix) -> list[Order]:
    """Return orders of the columns to try: one column moved, or the columns before it mirrored."""
    count, left, orders = len(steps) + 1, steps.copy(), []
    for _ in range(PEAKS):
        peak = int(left.argmax())
        left[max(0, peak - 2) : peak + 3] = 0
        rest = np.delete(np.arange(count), peak)
        places = [place for place in range(1, count, STRIDE) if abs(place - peak) >= STRIDE]
        orders += [np.insert(rest, place, peak) for place in places]
        orders.append(np.r_[np.arange(peak, -1, -1), np.arange(peak + 1, count)])
    return orders


def _moved(puzzle: Puzzle, rotations: Matrix, columns: Order, order: Order) -> Matrix:
    """Return the rotation of which the column `order[i]` stands at place i."""
    frame = puzzle.back[0] / np.linalg.norm(puzzle.back[0], axis=1, keepdims=True)
    source = np.empty(len(frame), np.int64)
    source[columns.reshape(-1)] = columns[order].reshape(-1)
    turned = rotations[0].T @ frame
    return np.asarray((turned[:, source] @ frame.T).T[None])
