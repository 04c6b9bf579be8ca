"""Blocks that are equal before morphing are equal after it, as in a cipher's codebook mode.

    symbol   here      meaning                                   MoLe
    T        blocks    released values, cut into κ blocks of q   Eq. 2

Shen et al. (MoLe), arXiv 1909.07632. A core maps equal blocks to equal blocks, and black to zero
where nothing is added before. Two blocks count as equal where they differ by no more than rounding
does; pictures that differ by one level in one pixel differ by far more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.morphed import FLOAT32_EPS, by_core, cut
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Numbers = NDArray[np.int64]

TOLERANCE: Final = 16 * FLOAT32_EPS  # of a block's length; a float32 product's last bits
COARSE_TOLERANCE: Final = 1e-4  # the same, once stored as float16
MOST_BLOCKS: Final = 100_000  # of the first images; equal images are looked for among all
LEAST_TOLD: Final = 0.001  # share of blocks with a twin, below which it says little of a set
NOBODY: Final = -1  # in place of a twin set's number


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Count blocks that have a twin, in their own picture and anywhere, and equal images."""
    watch = Stopwatch()
    blocks = cut(view, view.values)
    looked_at = blocks[: max(2, MOST_BLOCKS // view.kappa)]
    is_black = ~looked_at.any(axis=2)
    tolerance = TOLERANCE if view.values.dtype == np.float32 else COARSE_TOLERANCE
    sets = twin_sets(view, looked_at, tolerance, effort)
    shown = ~is_black
    has_twin = (sets != NOBODY) & shown
    at_home = _twins_at_home(sets) & shown if view.cores == "shared" else np.zeros_like(shown)
    whole = _twins(blocks.reshape(1, len(blocks), -1), tolerance, effort)[0]
    figures = {
        "blocks": float(shown.size),
        "twins": float(has_twin.sum()),
        "twins_share": float(has_twin.sum() / max(1, shown.sum())),
        "twins_at_home_share": float(at_home.sum() / max(1, shown.sum())),
        "black_share": float(is_black.mean()),
        "equal_images": float((whole != NOBODY).sum()),
    }
    return Reconstruction(
        "repeated-blocks", None, figures, watch.seconds, _sentence(figures),
        finding=_finding(figures),
    )  # fmt: skip


def twin_sets(view: AdversaryView, blocks: Matrix, tolerance: float, effort: Effort) -> Numbers:
    """Return for each block [n,κ] the number of its set of equal ones; `NOBODY` if it is alone.

    Under distinct cores blocks are compared at one position only.
    """
    sets = _twins(by_core(view, blocks), tolerance, effort)
    return sets.reshape(blocks.shape[:2]) if len(sets) == 1 else sets.T


def _twins(groups: Matrix, tolerance: float, effort: Effort) -> Numbers:
    """Return the sets within each group, int64 [g,m]: neighbours along a random direction."""
    found = np.full(groups.shape[:2], NOBODY)
    aim = effort.rng().standard_normal(groups.shape[2])
    number = 0
    for group, sets in zip(groups, found, strict=True):
        effort.check()
        along, limits = group @ aim, tolerance * np.linalg.norm(group, axis=1)
        order = np.argsort(along, kind="stable")
        near = np.flatnonzero(np.diff(along[order]) <= np.linalg.norm(aim) * limits[order[1:]])
        before, after = order[near], order[near + 1]
        is_twin = np.linalg.norm(group[after] - group[before], axis=1) <= limits[after]
        for one, other in zip(before[is_twin], after[is_twin], strict=True):
            if sets[one] == NOBODY:
                number += 1
                sets[one] = number
            sets[other] = sets[one]
    return found


def _twins_at_home(sets: Numbers) -> NDArray[np.bool_]:
    """Say which blocks [n,κ] have a twin in their own picture."""
    alike = np.zeros(sets.shape, dtype=bool)
    for of_image, row in zip(sets, alike, strict=True):
        _, number, count = np.unique(of_image, return_inverse=True, return_counts=True)
        row[:] = (count[number] > 1) & (of_image != NOBODY)
    return alike


def _finding(figures: dict[str, float]) -> str:
    if figures["equal_images"]:
        return f"which of {figures['equal_images']:.0f} images are equal to another"
    if figures["twins_share"] >= LEAST_TOLD:
        return f"which blocks are alike ({figures['twins_share']:.1%} have an exact twin)"
    return ""


def _sentence(figures: dict[str, float]) -> str:
    if not figures["twins"] and not figures["equal_images"]:
        return "No block that is not black has an exact twin."
    return (
        f"Equal blocks stay equal: {figures['twins_share']:.1%} of the blocks that are not black "
        f"have an exact twin, {figures['twins_at_home_share']:.1%} in their own picture; "
        f"{figures['equal_images']:.0f} images equal another."
    )


ATTACK: Final = Attack(
    name="repeated-blocks",
    title="Equal blocks stay equal",
    rung="A1",
    needs="the released images",
    sanitizers=("morph",),
    run=run,
    weak={
        "block": 8,
        "cores": "shared",
        "core": "orthogonal",
        "interleave": False,
        "dither": False,
    },
    is_quick=True,
)
