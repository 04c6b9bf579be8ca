"""Several mixed versions of the same images: the own block comes back, foreign ones are others'.

    symbol   here     meaning
    V        copies   versions of each wanted row, this release among them
    n_i(c)   own      how many of row i's versions hold block c at a place
    n_k(c)   others   the most that any other row's versions hold it there

Block mixing (arXiv 2105.08876) draws anew for each release. Of the blocks that a row shows at one
place, the one with the largest n_i(c) - n_k(c) is taken: a donor's block is seen more often in the
donor's own versions. Ties go to the larger n_i(c), then to this release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.grid import grey_levels, grid_of
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Put each wanted row together from its versions, [wanted,h,w,c] in grey levels.

    Raises
    ------
    UsageError
        There is no other version, or one is not of the wanted rows.
    """
    watch = Stopwatch()
    grid, copies = grid_of(view), (view.targets, *view.versions)
    if not view.versions:
        raise UsageError("this attack needs other versions of the rows, and the view has none")
    if any(version.shape != view.targets.shape for version in view.versions):
        raise UsageError(f"a version is not of the wanted rows {view.targets.shape}")
    every, count = np.stack(copies), len(view.targets)
    kinds = grid.kinds(every.reshape(-1, *every.shape[2:])).reshape(len(copies), count, -1)
    images, rows = view.targets.astype(np.float64), np.arange(count)
    for place, (down, across) in enumerate(grid.windows()):
        effort.check()
        best = chosen(kinds[:, :, place])
        images[:, :, down, across] = every[best, rows][:, :, down, across]
    return Reconstruction(
        "versions",
        grey_levels(view, images),
        {"versions": float(len(copies))},
        watch.seconds,
        f"{len(copies)} versions of each image were compared block by block.",
    )


def chosen(kinds: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return from which version each row's block is taken, int64 [n].

    Parameters
    ----------
    kinds
        [V,n], which block each version of each row holds at one place.
    """
    versions, count = kinds.shape
    held = np.zeros((count, int(kinds.max()) + 1), np.int64)
    rows = np.arange(count)
    np.add.at(held, (np.tile(rows, versions), kinds.reshape(-1)), 1)
    ranked = np.sort(held, axis=0)
    most, second = ranked[-1], ranked[-2] if count > 1 else 0 * ranked[-1]
    own = held[rows, kinds]
    others = np.where((own == most[kinds]), second[kinds], most[kinds])
    return np.asarray(((own - others) * (versions + 1) + own).argmax(axis=0), dtype=np.int64)


def unfit(view: AdversaryView) -> str:
    """Say that there is one version alone; empty where there are more."""
    return "" if view.versions else "no other version of these images is at hand"


ATTACK: Final = Attack(
    name="versions",
    title="Blocks that several versions share",
    rung="A1",
    needs="the shards of several releases of the same images",
    sanitizers=("mix",),
    run=run,
    unfit=unfit,
    weak={"p_replace": 0.25, "Nt": 1},
    is_quick=True,
)
