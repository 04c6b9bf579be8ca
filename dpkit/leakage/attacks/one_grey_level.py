"""Pixels are whole grey levels, and morphing keeps the grid: its short steps are the key's rows.

    symbol   here        meaning                                             MoLe
    T        blocks      released values under one core, [m,q]               Eq. 2
    M′       (steps)     the core; a row times one grey level is a step      Eq. 4

Shen et al. (MoLe), arXiv 1909.07632. Two blocks that differ by one level in one pixel differ after
morphing by a row of M′ times that level, whatever else they hold; in flat parts of pictures that
happens again and again, so differences that recur are rows or short sums of rows. Once q
independent ones are found, T times their inverse must be whole numbers: the attack's own check.
Pixels lie between black and white, which tells rows from sums (`whole_levels.py`); neighbours are
alike, which tells the order of the rows where the cut is known (`row_order.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.morphed import by_core, cut, joined
from dpkit.leakage.attacks.recurring import steps
from dpkit.leakage.attacks.row_order import pictures
from dpkit.leakage.attacks.whole_levels import is_lattice, pixel_levels, refined
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

LARGEST_BLOCK: Final = 64  # q; in larger blocks two are hardly ever one level apart
MOST_BLOCKS: Final = 16_000  # under one core; distances between all pairs are computed
MOST_BLOCKS_QUICK: Final = 3_000
INDEPENDENT: Final = 0.05  # of a step's length, outside the span of the rows before it


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Steps found under one core [r,q], r ≤ q; whether they are its lattice, and what follows.

    `levels` [m,q] are its blocks in grey levels, in an unknown order; None where the rows of the
    key were not told from their sums.
    """

    steps: Matrix
    is_whole: bool = False
    levels: Matrix | None = None


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find the lattice of each core, its rows, and with all of them the pictures."""
    watch = Stopwatch()
    blocks = cut(view, view.values)
    found = [lattice(view, group, effort) for group in by_core(view, blocks)]
    steps_share = sum(len(one.steps) for one in found) / (view.core_size * len(found))
    rows_share = sum(one.levels is not None for one in found) / len(found)
    figures = {
        "steps_share": steps_share,
        "lattice_share": sum(one.is_whole for one in found) / len(found),
        "rows_share": rows_share,
    }
    images = None
    if rows_share == 1 and not view.is_interleaved:
        levels = np.stack([one.levels for one in found if one.levels is not None])
        shaped = levels.reshape(blocks.shape) if len(found) == 1 else levels.transpose(1, 0, 2)
        images = pictures(view, joined(view, shaped), effort)[: len(view.targets)]
    return Reconstruction(
        "one-grey-level", images, figures, watch.seconds, _sentence(figures),
        finding=_finding(figures),
    )  # fmt: skip


def lattice(view: AdversaryView, group: Matrix, effort: Effort) -> Lattice:
    """Find steps under the core of `group` [m,q], and the levels of its blocks from enough."""
    most = MOST_BLOCKS if effort.is_full else MOST_BLOCKS_QUICK
    if len(group) <= group.shape[1]:
        return Lattice(np.empty((0, group.shape[1])))
    recurring, _ = steps(group[:most], effort)
    basis = independent(recurring)
    if len(basis) < group.shape[1]:
        return Lattice(basis)
    basis = refined(group, basis, recurring)
    if not is_lattice(group, basis):
        return Lattice(basis)
    levels = pixel_levels(view, group, basis, recurring, effort)
    return Lattice(basis, is_whole=True, levels=levels)


def independent(candidates: Matrix) -> Matrix:
    """Return those candidates [s,q] that no sum of earlier ones gives, [r,q]: r ≤ q."""
    basis = np.empty((0, candidates.shape[1]))
    kept = []
    for step in candidates:
        rest = step - (step @ basis.T) @ basis
        rest -= (rest @ basis.T) @ basis
        length = np.linalg.norm(rest)
        if length > INDEPENDENT * np.linalg.norm(step):
            basis = np.vstack([basis, rest / length])
            kept.append(step)
    return np.array(kept).reshape(-1, candidates.shape[1])


def unfit(view: AdversaryView) -> str:
    """Say that steps of one level are lost in rounding or noise, or cannot recur."""
    if view.values.dtype != np.float32:
        return f"{view.values.dtype} is too coarse for steps of one grey level"
    if view.parameters.get("dither"):
        return "pixels were dithered before morphing, so they are on no grid"
    if view.core_size > LARGEST_BLOCK:
        return (
            f"blocks of {view.core_size} values (above {LARGEST_BLOCK}) hardly differ by one step"
        )
    return ""


def _finding(figures: dict[str, float]) -> str:
    if figures["rows_share"]:
        return f"all rows of {figures['rows_share']:.0%} of the cores, up to their order"
    if figures["lattice_share"]:
        return f"the lattice of {figures['lattice_share']:.0%} of the cores"
    if figures["steps_share"]:
        return f"rows of the key or sums of them ({figures['steps_share']:.0%} of their number)"
    return ""


def _sentence(figures: dict[str, float]) -> str:
    if not figures["steps_share"]:
        return "No difference of two blocks recurs, so no row of the key was found."
    return (
        f"Differences that recur gave {figures['steps_share']:.0%} as many independent steps as "
        f"the key has rows. Under {figures['lattice_share']:.0%} of the cores they make all blocks "
        f"whole numbers, and under {figures['rows_share']:.0%} they were told to be the rows."
    )


ATTACK: Final = Attack(
    name="one-grey-level",
    title="Rows of the key from steps of one grey level",
    rung="A1",
    needs="the released images",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={
        "block": 8,
        "cores": "shared",
        "core": "orthogonal",
        "interleave": False,
        "dither": False,
    },
    gives_key=True,
)
