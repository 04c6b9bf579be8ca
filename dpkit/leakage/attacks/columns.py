"""Reading an Aug-Conv layer a few columns or rows at a time, so that memory stays bounded.

    symbol   here     meaning
    A_w      (rows)   the columns of C^ac for a window of w x w outputs, [αhw,βw²]
    G        gram     Σ A_w^T A_w over windows, [βw²,βw²]

Blocks that do not reach a window have zeros there and are skipped. Matrices may be memory maps.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.attacks.attack import finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import AugConv

    Outputs = tuple[int, tuple[tuple[int, int] | None, ...]]  # matrix; where in its window
    Piece = tuple[int, ...]  # matrix; first and end row, first and end column; where in the window

ROWS_AT_ONCE_BYTES: Final = 2**26  # 64 MiB of float64
ROWS_PER_COLUMN: Final = 4  # random rows beyond that add little to the row space


def gram(
    augconv: AugConv, corners: NDArray[np.int64], side: int, *, every_row: bool = False
) -> NDArray[np.float64]:
    """Return Σ A_w^T A_w over windows of `side` x `side` outputs, float64 [βw²,βw²].

    Parameters
    ----------
    corners
        int64 [m,2]: where the windows begin.
    every_row
        Else only every k-th is read of a block with many more rows than columns: they span the
        same row space.
    """
    columns = augconv.output_shape[0] * side * side
    total = np.zeros((columns, columns))
    pieces = Counter(piece for corner in corners for piece in _pieces(augconv, corner, side))
    for piece, times in pieces.items():
        for rows in _rows(augconv, piece, side, every_row=every_row):
            with np.errstate(invalid="ignore", over="ignore"):  # `finite` finds it
                total += times * (rows.T @ rows)
    return finite("Aug-Conv", total)


def output_rows(augconv: AugConv, groups: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Yield the rows of C^ac for each group of outputs, float64 [rows,k,β] at a time.

    Parameters
    ----------
    groups
        int64 [m,k,2]: m groups of k places of the features. Where blocks share a matrix and meet
        a group alike, its rows come once.
    """
    pieces: dict[Outputs, None] = {}
    for group in groups:
        pieces.update(dict.fromkeys(_met(augconv, group)))
    for index, places in pieces:
        matrix = augconv.matrices[index]
        count = max(1, ROWS_AT_ONCE_BYTES // (8 * matrix.shape[1] * len(places)))
        for start in range(0, len(matrix), count):
            part = matrix[start : start + count]
            rows = np.zeros((len(part), len(places), part.shape[1]))
            for i, place in enumerate(places):
                if place is not None:
                    rows[:, i] = part[:, :, place[0], place[1]]
            yield finite("Aug-Conv", rows)


def _met(augconv: AugConv, group: NDArray[np.int64]) -> Iterator[Outputs]:
    """Yield each block's matrix, and where in its window the outputs of a group lie."""
    for block, index in enumerate(augconv.matrix_of):
        extent = augconv.matrices[index].shape[2:]
        inside = group - augconv.windows[block]
        is_met = ((inside >= 0) & (inside < extent)).all(axis=1)
        if is_met.any():
            places = ((int(y), int(x)) for y, x in inside)
            met = zip(places, is_met, strict=True)
            yield int(index), tuple(place if reached else None for place, reached in met)


def row_chunks(matrix: NDArray[Any]) -> Iterator[slice]:
    """Yield slices over the rows of a matrix [q,β,height,width], 64 MiB of float64 each."""
    count = max(1, ROWS_AT_ONCE_BYTES // (8 * int(np.prod(matrix.shape[1:]))))
    for start in range(0, len(matrix), count):
        yield slice(start, start + count)


def _pieces(augconv: AugConv, corner: NDArray[np.int64], side: int) -> Iterator[Piece]:
    """Yield what of each block's matrix lies in a window of outputs."""
    for block, matrix in enumerate(augconv.matrix_of):
        extent = augconv.matrices[matrix].shape[2:]
        first = np.asarray(corner) - augconv.windows[block]
        start, end = np.maximum(first, 0), np.minimum(first + side, extent)
        if (start < end).all():
            (y, x), (y_end, x_end), (top, left) = start, end, start - first
            yield tuple(int(n) for n in (matrix, y, y_end, x, x_end, top, left))


def _rows(
    augconv: AugConv, piece: Piece, side: int, *, every_row: bool
) -> Iterator[NDArray[np.float64]]:
    index, y, y_end, x, x_end, top, left = piece
    matrix = augconv.matrices[index]
    q, maps = matrix.shape[:2]
    columns = maps * side * side
    step = 1 if every_row else max(1, q // (ROWS_PER_COLUMN * columns))
    count = max(1, ROWS_AT_ONCE_BYTES // (8 * columns)) * step
    for start in range(0, q, count):
        part = matrix[start : start + count : step, :, y:y_end, x:x_end]
        rows = np.zeros((len(part), maps, side, side))
        rows[:, :, top : top + y_end - y, left : left + x_end - x] = part
        yield rows.reshape(len(part), columns)
