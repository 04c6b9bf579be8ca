"""Foreign blocks betray themselves by their seams; they are cut out and filled from around.

    symbol   here       meaning
    s        kept       share of blocks that stay in place
    P        prior      that a block is its image's own, by its copies elsewhere     (seams.py)
    R        odds       of each seam of the released image, one picture against two  (seams.py)
    b        belief     that a block is the image's own, given P and all seams

Block mixing (arXiv 2105.08876). Nothing but the shards is used. A block is taken for foreign where
b is small, and its place is filled smoothly (filling.py): detail is lost there, shape is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.filling import filled
from dpkit.leakage.attacks.grid import grey_levels, grid_of, occurrences
from dpkit.leakage.attacks.seams import Seams, beliefs, edges, narrow_blocks, own_prior
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.grid import Grid
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]

BELIEVED: Final = 0.35  # below, a block is taken for foreign


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Return the wanted rows without what seems foreign, [wanted,h,w,c] in grey levels."""
    watch = Stopwatch()
    grid = grid_of(view)
    own = own_beliefs(view, grid, effort)
    foreign = own < BELIEVED
    images = filled(view.targets, hole_of(grid, foreign), effort)
    share = float(foreign.mean())
    return Reconstruction(
        "donor-outlier",
        grey_levels(view, images),
        {"cut_out": share, "sure": float(np.maximum(own, 1 - own).mean())},
        watch.seconds,
        f"{share:.0%} of the blocks were taken for others' by their seams, and filled from around.",
    )


def own_beliefs(view: AdversaryView, grid: Grid, effort: Effort) -> Floats:
    """Return the probability that each block of the wanted rows is their own, [wanted,N_b]."""
    targets = view.targets
    copies = occurrences(grid.kinds(view.values))[: len(targets)]
    prior = own_prior(grid.kept, copies)
    odds = seam_odds(view, grid, targets, effort)

    def forward(edge: tuple[int, int], believed: Floats) -> Floats:
        own, foreign = believed.T
        gain = odds[min(edge), max(edge)]
        return np.stack([own * gain + foreign, own + foreign], axis=1)

    states = [np.stack([p, 1 - p], axis=1) for p in prior.T]
    return np.stack([b[:, 0] for b in beliefs(grid, states, forward, effort)], axis=1)


def seam_odds(
    view: AdversaryView, grid: Grid, images: NDArray[Any], effort: Effort
) -> dict[tuple[int, int], Floats]:
    """Return the odds [n] that each seam of images [n,c,h,w] is a whole line, by its edge."""
    seams = [Seams.learnt(grid, view.values, axis, effort) for axis in (0, 1)]
    windows = list(grid.windows())
    return {
        (a, b): np.exp(seams[axis].log_odds(*(images[:, :, *windows[p]] for p in (a, b))))
        for a, b, axis in edges(grid)
    }


def hole_of(grid: Grid, foreign: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of foreign blocks [n,N_b], bool [n,1,h,w]."""
    hole = np.zeros((len(foreign), 1, grid.height, grid.width), np.bool_)
    for place, (rows, columns) in enumerate(grid.windows()):
        hole[:, :, rows, columns] = foreign[:, place, None, None, None]
    return hole


ATTACK: Final = Attack(
    name="donor-outlier",
    title="Foreign blocks cut out by their seams",
    rung="A1",
    needs="the shards",
    sanitizers=("mix",),
    run=run,
    unfit=narrow_blocks,
    weak={"p_replace": 0.1, "Nt": 1},
)
