"""Matching the vertices of two weighted graphs that are the same up to their order.

Edges carry a small matrix each ([v,v], v = w² places of a window). Vertices are first matched by
what no order changes: their own matrix and their sorted rows; then, a few rounds, by their rows
under the order found so far. Each round is one linear assignment (the Hungarian algorithm).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Order = NDArray[np.int64]

MOST_ROUNDS: Final = 20


def match(known: Matrix, seen: Matrix, vertices: int, *, rounds: int = MOST_ROUNDS) -> Order:
    """Return the order that makes `seen` most like `known`, int64 [β].

    Parameters
    ----------
    known, seen
        Symmetric, float64 [βv,βv], rows by vertex.
    vertices
        β.
    rounds
        Of refinement, at most.

    Returns
    -------
    order
        Vertex i of `seen` is vertex `order[i]` of `known`.
    """
    places = len(known) // vertices
    known4, seen4 = (m.reshape(vertices, places, vertices, places) for m in (known, seen))
    order = _assign(_signature(seen4), _signature(known4))
    for _ in range(rounds):
        reordered = known4[:, :, order]
        refined = _assign(seen4.reshape(vertices, -1), reordered.reshape(vertices, -1))
        if np.array_equal(refined, order):
            break
        order = refined
    return order


def reorder(known: Matrix, order: Order) -> Matrix:
    """Return `known` [βv,βv] with its vertices in an order [β], as `match` found it."""
    places = len(known) // len(order)
    rows = (order[:, None] * places + np.arange(places)).reshape(-1)
    return np.asarray(known[np.ix_(rows, rows)], dtype=np.float64)


def _signature(edges: Matrix) -> Matrix:
    """Return what no order changes, [β,·]: the own matrix and the sorted edges of each place."""
    vertices = len(edges)
    own = edges[np.arange(vertices), :, np.arange(vertices), :].reshape(vertices, -1)
    others = np.sort(edges.transpose(0, 1, 3, 2), axis=-1).reshape(vertices, -1)
    return np.hstack([own, others])


def _assign(seen: Matrix, known: Matrix) -> Order:
    """Return for each row of `seen` its row of `known`, at the least sum of squared distances."""
    products = seen @ known.T
    cost = (seen**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * products
    return np.asarray(linear_sum_assignment(cost)[1], dtype=np.int64)
