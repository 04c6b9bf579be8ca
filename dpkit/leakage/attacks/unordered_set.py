"""The originals are known, but not which is which: match them, then solve as for known pairs.

    symbol   here          meaning
    ℓ        signatures    what any invertible core leaves of a block (`signatures.py`)
    M′⁻¹     recovered     the map from released to original blocks (`known_pairs.py`)

Shen et al. (MoLe), arXiv 1909.07632. The surest matches by signature give a first map; images made
with it are matched again, by their pixels; and so on. A right map is confirmed by known rows that
are left out of the fit. Decoys in the gallery change its signatures, so fewer of the first matches
are right; the map then finds the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.known_pairs import recovered
from dpkit.leakage.attacks.signatures import distances, signature_kind, signatures
from dpkit.types.adversary import KnownPairs, Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

SHARES: Final = (0.3, 0.5, 0.7, 0.9, 1.0)  # of the wanted rows, the surest, in each round
LEARNED: Final = 0.1  # the error of known rows left out, relative to their size


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Match, solve and match again; images only where known rows left out come back."""
    watch = Stopwatch()
    if view.gallery is None:
        raise UsageError("this attack needs the originals in no order, and the view has none")
    kind = signature_kind(view)
    if " " in kind:
        return Reconstruction("unordered-set", None, {}, watch.seconds, f"Not tried: {kind}.")
    is_same_set = len(view.gallery) == len(view.targets)
    first = distances(*signatures(view, is_same_set=is_same_set))
    apart, images, error = _refined(view, first, effort)
    is_solved = error < LEARNED
    return Reconstruction(
        "unordered-set",
        images if is_solved else None,
        {"left_out_error": error, "gallery": float(len(view.gallery))},
        watch.seconds,
        f"Images were matched by the {kind} of their blocks, then by a map fitted to the surest; "
        f"known rows left out of its fit came back with an error of {error:.2g} of their size"
        f"{'' if is_solved else ', so it says nothing'}.",
        links=-(apart if is_solved else first),
    )


def _refined(view: AdversaryView, apart: Matrix, effort: Effort) -> tuple[Matrix, Matrix, float]:
    """Return distances to the gallery [wanted,g], images, and the error of rows left out."""
    gallery = np.zeros((0,)) if view.gallery is None else view.gallery
    flat = gallery.reshape(len(gallery), -1).astype(np.float64) / view.geometry.peak
    for share in SHARES:
        effort.check()
        wanted, candidate = _surest(apart, share)
        pairs = KnownPairs(gallery[candidate], view.targets[wanted])
        images, error = recovered(view, pairs, effort)
        apart = distances(images.reshape(len(images), -1) / view.geometry.peak, flat)
    return apart, images, error


def _surest(apart: Matrix, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a share of the matched pairs: those that leave the next candidate furthest behind."""
    wanted, candidate = linear_sum_assignment(apart)
    own = apart[wanted, candidate]
    others = apart.copy()
    others[wanted, candidate] = np.inf
    lead = others.min(axis=1)[wanted] / np.maximum(own, 1e-12)
    best = np.argsort(-lead)[: max(1, round(share * len(wanted)))]
    return wanted[best], candidate[best]


def unfit(view: AdversaryView) -> str:
    """Say that there is no gallery, that it is too small, or nothing in common to compare."""
    if view.gallery is None or len(view.gallery) < 2:  # noqa: PLR2004 (one alone is no choice)
        return "the originals are not at hand"
    kind = signature_kind(view)
    return kind if " " in kind else ""


ATTACK: Final = Attack(
    name="unordered-set",
    title="The originals in no order, matched and solved",
    rung="A7",
    needs="the released images, and their originals in no order",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"block": 8, "cores": "shared", "core": "orthogonal", "interleave": False},
    gives_key=True,
)
