"""A jigsaw of the release's own blocks: at each place the mixture of those that fit their seams.

    symbol   here      meaning
    s        kept      share of blocks that stay in place
    m        copies    rows of a label that hold this block at this place
    K        kinds     different blocks seen at one place in rows of one label
    b        belief    that each of them, or none, is the row's own

Block mixing (arXiv 2105.08876) never moves a block, so a row's own block, if it is anywhere,
stands at its place in a row of the same label. The block that a row shows is its own with the
probability of `seams.own_prior`; the rest is shared among the others, and by e^-(1-s) it is
nowhere. Sum-product over the seams gives b, and the picture is the mean of the blocks under b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.grid import grey_levels, grid_of
from dpkit.leakage.attacks.seams import Seams, beliefs, edges, narrow_blocks, own_prior
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.grid import Grid
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]

MOST_ROWS: Final = 200  # of one label; a seam costs the square of its kinds
_TINY: Final = 1e-12


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Return the mean picture of each wanted row, [wanted,h,w,c] in grey levels."""
    watch = Stopwatch()
    grid, labels = grid_of(view), _labels(view)
    seams = [Seams.learnt(grid, view.values, axis, effort) for axis in (0, 1)]
    images = view.targets.astype(np.float64)
    for label in np.unique(labels[: len(images)]):
        rows = np.flatnonzero(labels == label)
        wanted = rows[rows < len(images)]
        for start in range(0, len(wanted), MOST_ROWS):
            some = wanted[start : start + MOST_ROWS]
            company = np.concatenate([some, np.setdiff1d(rows, some)])[:MOST_ROWS]
            images[some] = fitted(grid, view.values[company], seams, effort)[: len(some)]
    return Reconstruction(
        "jigsaw",
        grey_levels(view, images),
        {},
        watch.seconds,
        "Each place shows the mean of the blocks that stand there in rows of its label, weighed by "
        "how well their seams fit.",
    )


def fitted(grid: Grid, values: NDArray[Any], seams: list[Seams], effort: Effort) -> Floats:
    """Return the mean pictures [n,c,h,w] of rows of one label [n,c,h,w]."""
    numbers, windows = grid.kinds(values), list(grid.windows())
    blocks = []
    for place, (rows, columns) in enumerate(windows):
        _, first = np.unique(numbers[:, place], return_index=True)
        blocks.append(values[first][:, :, rows, columns])
    odds = {}
    for a, b, axis in edges(grid):
        effort.check()
        odds[a, b] = np.exp(seams[axis].log_odds(blocks[a][:, None], blocks[b][None]))

    def forward(edge: tuple[int, int], believed: Floats) -> Floats:
        gain = odds[edge] if edge in odds else odds[edge[::-1]].T
        fits = believed[:, :-1] @ gain + believed[:, -1:]
        return np.hstack([fits, believed.sum(axis=1, keepdims=True)])

    priors = [prior(grid.kept, kinds) for kinds in numbers.T]
    found = values.astype(np.float64)
    for place, belief in enumerate(beliefs(grid, priors, forward, effort)):
        rows, columns = windows[place]
        among = belief[:, :-1] / np.maximum(belief[:, :-1].sum(axis=1, keepdims=True), _TINY)
        found[:, :, rows, columns] = np.tensordot(among, blocks[place], axes=1)
    return found


def prior(kept: float, kinds: NDArray[np.int32]) -> Floats:
    """Return what each row believes of one place before any seam, [n,K+1]; the last: nowhere.

    Parameters
    ----------
    kinds
        int [n], which of K blocks each row shows.
    """
    copies = np.bincount(kinds)
    own = own_prior(kept, copies)
    weights = np.tile(1 - own * copies + _TINY, (len(kinds), 1))  # its owner does not show it
    every = np.arange(len(kinds))
    weights[every, kinds] = 0
    given_away = (1 - own[kinds])[:, None]
    nowhere = np.exp(kept - 1)
    weights *= (1 - nowhere) * given_away / np.maximum(weights.sum(axis=1, keepdims=True), _TINY)
    weights[every, kinds] = own[kinds]
    return np.hstack([weights, nowhere * given_away + _TINY])


def _labels(view: AdversaryView) -> NDArray[np.int64]:
    return np.zeros(len(view.values), np.int64) if view.labels is None else view.labels


ATTACK: Final = Attack(
    name="jigsaw",
    title="Jigsaw of blocks by their seams",
    rung="A1",
    needs="the shards",
    sanitizers=("mix",),
    run=run,
    unfit=narrow_blocks,
    weak={"p_replace": 0.1, "Nt": 1},
)
