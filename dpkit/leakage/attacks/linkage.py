"""Which image of a gallery a released one was made from, by what morphing leaves of its blocks.

Shen et al. (MoLe), arXiv 1909.07632, map every block by an invertible matrix. An orthogonal one
keeps lengths; any other keeps Mahalanobis lengths, against the second moments of the set that an
image belongs to (`signatures.py`). The gallery's moments stand for the release's: the nearer the
two kinds of images, and the more of them, the more links are right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.signatures import distances, signature_kind, signatures
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from dpkit.types.adversary import AdversaryView


def run(view: AdversaryView, _effort: Effort) -> Reconstruction:
    """Compare signatures of the wanted rows with those of the gallery."""
    watch = Stopwatch()
    if view.gallery is None:
        raise UsageError("this attack needs a gallery, and the view has none")
    kind = signature_kind(view)
    if " " in kind:
        return Reconstruction("linkage", None, {}, watch.seconds, f"Not tried: {kind}.")
    apart = distances(*signatures(view))
    return Reconstruction(
        "linkage",
        None,
        {"gallery": float(apart.shape[1])},
        watch.seconds,
        f"Blocks were compared with those of {apart.shape[1]} candidates by their {kind}, which "
        "morphing leaves as they are.",
        links=-apart,
    )


def unfit(view: AdversaryView) -> str:
    """Say that there is no gallery, or nothing in common to compare."""
    if view.gallery is None:
        return "no gallery is at hand"
    kind = signature_kind(view)
    return kind if " " in kind else ""


ATTACK: Final = Attack(
    name="linkage",
    title="Linkage to a gallery by block signatures",
    rung="A7",
    needs="the released images, and a gallery that holds their originals",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"block": 8, "cores": "shared", "core": "orthogonal", "interleave": False},
)
