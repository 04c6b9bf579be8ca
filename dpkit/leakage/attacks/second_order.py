"""The core of all blocks from what neighbouring blocks of other people's photographs share.

    symbol    here       meaning                                                        MoLe
    R_l       moments    E[T_b^T T_(b+l)] = M′^T E[D_b^T D_(b+l)] M′                     Eq. 4
    Q         rotation   what whitening with lag 0 leaves of M′: Q^T A_l Q = B_l
    U, V      (start)    eigenvectors of the next block's symmetric A and B

Shen et al. (MoLe), arXiv 1909.07632, have one core for all κ blocks, so every image shows it κ
times. Q starts as U diag(±1) V^T, eigenvectors matched by the order of their eigenvalues; signs
come from the mean of each block, then from how smooth pictures are (`component_signs.py`); gradient
descent (`core_rotation.py`) and moves of whole columns (`pixel_order.py`) do the rest. Of the
pictures nothing is known but what photographs share, so a mirror image that is as likely cannot be
told from the original: both scores count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.component_signs import signed
from dpkit.leakage.attacks.core_rotation import Puzzle, opened, refined
from dpkit.leakage.attacks.moments import (
    Cut,
    Whitening,
    each,
    hindrance,
    moment,
    neighbours,
    polar,
    public_rows,
)
from dpkit.leakage.attacks.pixel_order import reordered
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

LARGEST_BLOCK: Final = 512  # q: beyond, a step costs more than a second
ROWS_A_VALUE: Final = 4  # blocks of all images, for each value of a block
STEPS: Final = {True: 400, False: 100}
STARTS: Final = {True: 6, False: 2}
TRIAL_STEPS: Final = 150  # from each start
OTHERS: Final = 0.5  # the share of other lags in a start, beside 1 of the first
_SHOWN: Final = 2048  # released images that refinement looks at


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find the rotation that moments and smoothness ask for, and turn the images back by it."""
    watch = Stopwatch()
    puzzle, known = posed(view)
    rotation = _tried(puzzle, effort)
    if effort.is_full and _holds_rows(view):
        rotation = _row_by_row(view, puzzle, rotation, effort)
    elif effort.is_full:
        rotation = reordered(puzzle, rotation, effort)
    rotation = refined(puzzle, rotation, STEPS[effort.is_full], effort)
    images = opened(puzzle, rotation, view.targets, view.geometry.peak)
    misfit = puzzle.misfit(rotation)
    return Reconstruction(
        "second-order",
        images,
        {"misfit": misfit, "public images": float(known)},
        watch.seconds,
        f"From the moments of {known} other pictures the core was estimated up to a mirror image, "
        f"and {len(images)} images were turned back with it; {100 * misfit:.0f} % of the energy "
        "of neighbouring blocks' moments stays unexplained.",
    )


def _tried(puzzle: Puzzle, effort: Effort) -> Matrix:
    """Return the rotation that gave the smoothest pictures, of several starts."""
    trials = [
        refined(puzzle, signed(puzzle, *start, effort), TRIAL_STEPS, effort)
        for start in _starts(puzzle, effort)
    ]
    return min(trials, key=puzzle.roughness)


def _holds_rows(view: AdversaryView) -> bool:
    """Say whether each block is several whole rows of the image."""
    width = view.geometry.width
    return view.blocks != "patch" and view.core_size > width and not view.core_size % width


def _row_by_row(view: AdversaryView, puzzle: Puzzle, rotation: Matrix, effort: Effort) -> Matrix:
    """Return the rotation after each row of pictures was taken for a block of its own.

    Where blocks are whole rows, several each, what is wrong is the same in all rows (measured).
    """
    rows = view.geometry.channels * view.geometry.height
    white = each(puzzle.cut.rows(view.values), puzzle.forward)
    pictures = puzzle.cut.images(each(white, rotation.transpose(0, 2, 1) @ puzzle.back))
    apart = replace(view, values=pictures, parameters={**view.parameters, "kappa": rows})
    finer, _ = posed(apart)
    found = reordered(finer, _tried(finer, effort), effort)
    turned = found.transpose(0, 2, 1) @ finer.back
    better = puzzle.cut.rows(finer.cut.images(each(finer.white, turned)))
    wanted = better.reshape(-1, view.core_size) @ np.linalg.inv(puzzle.back[0])
    return polar(wanted.T @ puzzle.white.reshape(wanted.shape))[None]


def posed(view: AdversaryView) -> tuple[Puzzle, int]:
    """Return the puzzle, and the number of public pictures that pose it."""
    cut = Cut.of(view)
    pairs = neighbours(view)
    every = np.arange(view.kappa)
    sides = []
    for rows in (public_rows(view, cut), cut.rows(view.values)):
        whitening = Whitening.of(moment(rows, every, every))
        ahead = whitening.forward
        lags = [ahead.T @ moment(rows, *pair) @ ahead for pair in pairs]
        sides.append((whitening, np.stack(lags), rows.mean(axis=0) @ ahead, len(rows)))
    known, seen = sides
    first = np.zeros(len(pairs), np.int64)
    scale, bias = view.affine
    puzzle = Puzzle(
        cut, cut.rows(view.values[:_SHOWN]) @ seen[0].forward,
        seen[0].forward[None], known[0].back[None],
        first, first, known[1], seen[1], known[2], seen[2],
        np.stack([scale * view.geometry.peak, bias]),
    )  # fmt: skip
    return puzzle, known[3]


def _starts(puzzle: Puzzle, effort: Effort) -> list[tuple[Matrix, Matrix]]:
    """Return several U diag(±1) V^T and U, [1,q,q] each; the first from lag 1 alone."""
    shares = effort.rng().dirichlet(np.ones(len(puzzle.public)), STARTS[effort.is_full]) * OTHERS
    shares[0] = 0
    shares[:, 0] += 1
    return [_start(puzzle, share) for share in shares]


def _start(puzzle: Puzzle, share: Matrix) -> tuple[Matrix, Matrix]:
    """Return a start from the lags in these shares; signs as the means of the blocks have them."""
    public, released = (np.tensordot(share, m, 1) for m in (puzzle.public, puzzle.released))
    (_, known), (_, seen) = (np.linalg.eigh(m + m.T) for m in (public, released))
    agree = ((puzzle.public_means @ known) * (puzzle.released_means @ seen)).sum(axis=0)
    signs = np.where(agree < 0, -1.0, 1.0)
    return ((known * signs) @ seen.T)[None], known[None]


def unfit(view: AdversaryView) -> str:
    """Say why blocks and their neighbours do not give the core of this release."""
    if why := hindrance(view, cores="shared", largest=LARGEST_BLOCK):
        return why
    rows = min(len(view.values), len(view.public or ())) * view.kappa
    if rows < (needed := ROWS_A_VALUE * view.core_size):
        return f"{rows} blocks, of the {needed} that a core of {view.core_size} values needs"
    return ""


ATTACK: Final = Attack(
    name="second-order",
    title="Core from the moments of neighbouring blocks",
    rung="A2",
    needs="pictures of its own, of any kind",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"block": 16, "cores": "shared", "interleave": False, "core": "gaussian"},
    gives_key=True,
)
