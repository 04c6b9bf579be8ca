"""From a basis of the key's lattice to the rows of the key: pixels lie between black and white.

    symbol   here     meaning
    T        blocks   released blocks under one core [m,q]
    B        basis    independent steps of the lattice [q,q]; the key's rows are sums of them
    X        levels   T B⁻¹: whole numbers under any basis, pixels under the key's own [m,q]

Adding row i of a basis to row j takes column j of X from column i. Such moves are made while they
lower a cost: steps that recur should be few levels, and levels lie within 0 to peak, under one sign
a column. Three orders of the two are tried. The result is kept where levels stay within the range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort
    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Cost = Callable[[Matrix], Matrix]

WHOLE: Final = 0.1  # how far from whole numbers levels may lie
NEARLY_ALL: Final = 0.99  # of the levels that must be whole
WITHIN: Final = 0.999  # of the levels that must lie within the range
LOOKED_AT: Final = 1_500  # blocks that the search sees
OUTSIDE: Final = 1e4  # the weight of a level outside the range
ROUNDS: Final = 2  # of refining a basis by the whole numbers it gives


def is_lattice(blocks: Matrix, basis: Matrix) -> bool:
    """Say whether blocks [m,q] lie whole steps of the basis [q,q] apart."""
    apart = np.linalg.solve(basis.T, (blocks - blocks[:1]).T)
    return bool((np.abs(apart - np.rint(apart)) < WHOLE).mean() >= NEARLY_ALL)


def refined(blocks: Matrix, basis: Matrix, steps: Matrix) -> Matrix:
    """Return the basis without its rounding: what the steps and blocks that are whole in it say."""
    apart = np.vstack([steps, blocks[:: 1 + len(blocks) // LOOKED_AT] - blocks[:1]])
    for rows in [steps, *[apart] * ROUNDS]:
        whole = np.rint(np.linalg.solve(basis.T, rows.T).T)
        basis = np.linalg.lstsq(whole, rows, rcond=None)[0]
    return np.asarray(basis, dtype=np.float64)


def pixel_levels(
    view: AdversaryView, blocks: Matrix, basis: Matrix, steps: Matrix, effort: Effort
) -> Matrix | None:
    """Return blocks as grey levels [m,q] in an unknown order, or None: no basis kept the range."""
    levels, moves = (np.linalg.solve(basis.T, rows.T).T for rows in (blocks, steps))
    chosen = effort.rng().permutation(len(levels))[:LOOKED_AT]
    both = np.vstack([moves, levels[chosen]])
    count = len(moves)
    scale, bias = view.affine
    offset, slack = float((bias / scale).mean()), float(np.ptp(bias / scale)) + WHOLE

    def few(columns: Matrix) -> Matrix:
        return np.asarray(np.abs(columns[:count]).sum(axis=0), dtype=np.float64)

    def within(columns: Matrix) -> Matrix:
        return _outside(columns[count:], offset, view.geometry.peak, slack)

    trials = [_searched(both, costs, effort) for costs in ((within,), (few, within))]
    best = min(trials, key=lambda change: float(within(both @ change).sum()))
    signed = _with_signs(levels @ best, offset)
    inside = (signed > -slack) & (signed < view.geometry.peak + slack)
    return signed if inside.mean(axis=0).min() >= WITHIN else None


def _searched(rows: Matrix, costs: tuple[Cost, ...], effort: Effort) -> Matrix:
    """Return the change [q,q] of the columns of rows [·,q] that lowers one cost after another."""
    change = np.eye(rows.shape[1])
    for cost in costs:
        while True:
            effort.check()
            move = _best_move(rows @ change, cost)
            if move is None:
                break
            source, target, sign = move
            change[:, target] += sign * change[:, source]
    return change


def _best_move(rows: Matrix, cost: Cost) -> tuple[int, int, float] | None:
    """Return source, target and sign of the move that lowers the cost most; None if none does."""
    now, best, found = cost(rows), -1e-9, None
    for source in range(rows.shape[1]):
        for sign in (1.0, -1.0):
            gain = cost(rows + sign * rows[:, source, None]) - now
            gain[source] = 0
            target = int(gain.argmin())
            if gain[target] < best:
                best, found = float(gain[target]), (source, target, sign)
    return found


def _outside(levels: Matrix, offset: float, peak: int, slack: float) -> Matrix:
    """Return the cost of each column: its mean size, and far more for what is out of range."""
    costs = []
    for sign in (1.0, -1.0):
        pixels = sign * levels - offset
        below, above = np.maximum(-pixels - slack, 0), np.maximum(pixels - peak - slack, 0)
        costs.append((below + above).mean(axis=0))
    return np.asarray(np.abs(levels).mean(axis=0) + OUTSIDE * np.minimum(*costs))


def _with_signs(levels: Matrix, offset: float) -> NDArray[Any]:
    """Return pixels [m,q]: each column under the sign that leaves less below black."""
    up, down = levels - offset, -levels - offset
    is_up = np.maximum(-up, 0).sum(axis=0) <= np.maximum(-down, 0).sum(axis=0)
    return np.where(is_up, up, down)
