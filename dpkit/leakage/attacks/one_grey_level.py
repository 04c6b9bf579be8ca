"""Pixels are whole grey levels, and morphing keeps the grid: its shortest steps are rows of the key.

    symbol   here        meaning                                             MoLe
    T        blocks      released values under one core, [m,q]               Eq. 2
    M′       rows        the core; a row times one grey level is a step      Eq. 4

Shen et al. (MoLe), arXiv 1909.07632. Two blocks that differ by one level in one pixel differ after
morphing by a row of M′ times that level, whatever else they hold; in flat parts of pictures that
happens again and again, so differences that recur are rows. Once all q are found, T times their
inverse must be whole numbers, which no wrong set of rows gives: the attack's own check. The order
of the rows is not in the lattice; where the cut is known, pixels lie where neighbours are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.morphed import by_core, cut, joined
from dpkit.leakage.attacks.recurring import steps
from dpkit.leakage.attacks.row_order import pictures
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

LARGEST_BLOCK: Final = 64  # q; in larger blocks two are hardly ever one level apart
MOST_BLOCKS: Final = 16_000  # under one core; distances between all pairs are computed
MOST_BLOCKS_QUICK: Final = 3_000
INDEPENDENT: Final = 0.05  # of a step's length, outside the span of the rows before it
WHOLE: Final = 0.1  # how far from whole numbers levels may lie
NEARLY_ALL: Final = 0.99  # of the levels that must be whole, and within the range


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Rows found under one core [r,q], and, once all are confirmed, levels [m,q] of its blocks."""

    rows: Matrix
    levels: Matrix | None


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find the rows of each core, and with all of them the pictures."""
    watch = Stopwatch()
    blocks = cut(view, view.values)
    found = [lattice(view, group, effort) for group in by_core(view, blocks)]
    q = view.core_size
    share = sum(len(one.rows) for one in found) / (q * len(found))
    confirmed = sum(one.levels is not None for one in found)
    figures = {"rows_found": share * q, "of": float(q), "share": share,
               "cores_confirmed": confirmed / len(found)}  # fmt: skip
    images = None
    if confirmed == len(found) and not view.is_interleaved:
        levels = np.stack([one.levels for one in found if one.levels is not None])
        shaped = levels.reshape(blocks.shape) if len(found) == 1 else levels.transpose(1, 0, 2)
        images = pictures(view, joined(view, shaped), effort)[: len(view.targets)]
    return Reconstruction(
        "one-grey-level", images, figures, watch.seconds, _sentence(share, confirmed, q),
        finding=_finding(share, confirmed),
    )  # fmt: skip


def lattice(view: AdversaryView, group: Matrix, effort: Effort) -> Lattice:
    """Find rows of the core of `group` [m,q], and the levels of its blocks where all are found."""
    most = MOST_BLOCKS if effort.is_full else MOST_BLOCKS_QUICK
    if len(group) <= group.shape[1]:
        return Lattice(np.empty((0, group.shape[1])), None)
    candidates, _ = steps(group[:most], effort)
    rows = independent(candidates)
    levels = levels_of(view, group, rows) if len(rows) == group.shape[1] else None
    return Lattice(rows, levels)


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


def levels_of(view: AdversaryView, group: Matrix, rows: Matrix) -> Matrix | None:
    """Return blocks as grey levels [m,q] in the rows' order, or None: the rows are not the key's.

    They are where levels are whole and, under the better sign, within 0 to peak.
    """
    scale, bias = view.affine
    levels = np.linalg.solve(rows.T, group.T).T
    apart = levels - levels[:1]
    is_whole = np.abs(apart - np.rint(apart)) < WHOLE
    if is_whole.mean() < NEARLY_ALL:
        return None
    offset, peak = float((bias / scale).mean()), view.geometry.peak
    slack = float(np.ptp(bias / scale)) + WHOLE
    signed = []
    for sign in (1.0, -1.0):
        shifted = sign * levels - offset
        signed.append((shifted, ((shifted > -slack) & (shifted < peak + slack)).mean(axis=0)))
    (up, fits_up), (down, fits_down) = signed
    if np.maximum(fits_up, fits_down).min() < NEARLY_ALL:
        return None
    return np.where(fits_up >= fits_down, up, down)


def unfit(view: AdversaryView) -> str:
    """Say that steps of one level are lost in rounding or noise, or cannot recur."""
    if view.values.dtype != np.float32:
        return f"{view.values.dtype} is too coarse for steps of one grey level"
    if view.parameters.get("dither"):
        return "pixels were dithered before morphing, so they are on no grid"
    if view.core_size > LARGEST_BLOCK:
        return f"blocks of {view.core_size} values (above {LARGEST_BLOCK}) hardly differ by one step"
    return ""


def _finding(share: float, confirmed: int) -> str:
    if not share:
        return ""
    proof = ", confirmed by whole grey levels" if confirmed else ""
    return f"rows of the key ({share:.0%} of them{proof})"


def _sentence(share: float, confirmed: int, q: int) -> str:
    if not share:
        return "No difference of two blocks recurs, so no row of the key was found."
    text = f"{share:.0%} of the key's {q} rows a core were read off differences that recur."
    return f"{text} All levels are whole under them." if confirmed else text


ATTACK: Final = Attack(
    name="one-grey-level",
    title="Rows of the key from steps of one grey level",
    rung="A1",
    needs="the released images",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"block": 8, "cores": "shared", "core": "orthogonal"},
    gives_key=True,
)
