"""Who took part, and how much of the originals still stands somewhere in the release.

    symbol   here      meaning
    g        gallery   pictures that the adversary holds, in no order
    N_b      places    blocks of an image; they never move

Block mixing (arXiv 2105.08876) publishes blocks as they are: one that gave way in its own image may
stand in another. A block that only one picture of the gallery has, and that stands in the release,
shows that this picture was among the originals. Blocks that several pictures share, such as black
borders, show nothing and are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.grid import gallery_of, grid_of, occurrences, without_gallery
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Count the gallery's blocks that stand at their place in any released image."""
    watch = Stopwatch()
    telling, standing = surviving(view, effort)
    members = np.flatnonzero(standing.sum(axis=1))
    share = float(standing[members].sum() / max(1, telling[members].sum()))
    found, pictures = len(members), len(standing)
    finding = f"{share:.0%} of all blocks of the originals still stand somewhere" if found else ""
    return Reconstruction(
        "survivors",
        None,
        {"survives": share, "members": float(found), "pictures": float(pictures)},
        watch.seconds,
        f"Of {pictures} pictures of the gallery {found} have a block in the release that no other "
        f"picture has there; {share:.0%} of the blocks of those {found} stand somewhere in it.",
        finding=finding,
    )


def surviving(view: AdversaryView, effort: Effort) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which blocks only one picture of the gallery has, and which of these are released.

    Both are bool [g,N_b].
    """
    grid, gallery = grid_of(view), gallery_of(view)
    effort.check()
    kinds = grid.kinds(np.concatenate([gallery, view.values]))
    own, released = kinds[: len(gallery)], kinds[len(gallery) :]
    telling = occurrences(own) == 1
    standing = np.stack([np.isin(own[:, i], released[:, i]) for i in range(len(grid))], axis=1)
    return telling, telling & standing


ATTACK: Final = Attack(
    name="survivors",
    title="Blocks of the originals that stand anywhere",
    rung="A7",
    needs="a gallery that holds the originals",
    sanitizers=("mix",),
    run=run,
    unfit=without_gallery,
    weak={"p_replace": 0.05, "Nt": 1},
    is_quick=True,
)
