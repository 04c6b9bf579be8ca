"""The cores of all blocks, each its own, block by block from what neighbours share.

    symbol      here       meaning                                                      MoLe
    M′_b        (never     the core of block b; all differ                              Eq. 4
                read)
    Q_b         rotations  what whitening with each block's own S_b leaves of M′_b
    A_b, B_b    public,    whitened E[D_b^T D_(b+1)] and E[T_b^T T_(b+1)]:
                released   B_b = Q_b^T A_b Q_(b+1)

After Shen et al. (MoLe), arXiv 1909.07632, whose cores are one. A_b = U Σ V^T and B_b = U′ Σ V′^T
have the same singular values, in photographs nearly all different, so Q_b = U s U′^T and Q_(b+1) =
V s V′^T but for the signs s. Both neighbours give Q_(b+1); that they agree carries the signs from
block to block, and how smooth pictures are decides what stays open. Then all rotations follow the
gradient together (`core_rotation.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.core_rotation import Puzzle, flipped, opened, refined
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
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

LARGEST_BLOCK: Final = 64  # q: beyond, singular values lie closer than they are known
MOST_VALUES: Final = 1 << 26  # κ blocks, κ q² of moments
IMAGES_A_VALUE: Final = 2  # images, for each value of a block
STEPS: Final = {True: 600, False: 100}
SWEEPS: Final = 10  # of fitting each rotation to its neighbours
_SHOWN: Final = 2048  # released images that refinement looks at


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Chain the rotations from block to block, refine them, and turn the images back."""
    watch = Stopwatch()
    puzzle, known = posed(view, effort)
    rotations = flipped(puzzle, _chain(puzzle), _components(puzzle), effort)
    rotations = refined(puzzle, rotations, STEPS[effort.is_full], effort)
    images = opened(puzzle, rotations, view.targets, view.geometry.peak)
    misfit = puzzle.misfit(rotations)
    return Reconstruction(
        "chained",
        images,
        {"misfit": misfit, "public images": float(known)},
        watch.seconds,
        f"From the moments of {known} other pictures the {view.kappa} cores were chained from "
        f"block to block, up to a mirror image, and {len(images)} images were turned back with "
        f"them; {100 * misfit:.0f} % of the energy of the moments stays unexplained.",
    )


def posed(view: AdversaryView, effort: Effort) -> tuple[Puzzle, int]:
    """Return the puzzle, and the number of public pictures that pose it."""
    cut, pairs = Cut.of(view), neighbours(view)
    first, second = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    sides = []
    for rows in (public_rows(view, cut), cut.rows(view.values)):
        effort.check()
        own = [Whitening.of(moment(rows, *_pair(b, b))) for b in range(view.kappa)]
        forward, back = np.stack([w.forward for w in own]), np.stack([w.back for w in own])
        white = each(rows, forward)
        lags = [moment(white, *_pair(b, c)) for b, c in zip(first, second, strict=True)]
        sides.append((forward, back, white, np.stack(lags)))
    known, seen = sides
    scale, bias = view.affine
    puzzle = Puzzle(
        cut, seen[2][:_SHOWN], seen[0], known[1], first, second, known[3], seen[3],
        known[2].mean(axis=0), seen[2].mean(axis=0),
        np.stack([scale * view.geometry.peak, bias]),
    )  # fmt: skip
    return puzzle, len(known[2])


def _chain(puzzle: Puzzle) -> Matrix:
    """Return the rotations [κ,q,q], from the first block onward."""
    rotations = np.empty_like(puzzle.back)
    rotations[0] = _root(puzzle, _link(puzzle, 1))
    for block in range(1, len(rotations)):
        link = _link(puzzle, block)
        (u, _, vt), (u_seen, _, vt_seen) = _svds(puzzle, link)
        before = rotations[puzzle.first[link]]
        agree = ((u.T @ before) * u_seen.T).sum(axis=1)
        rotations[block] = (vt.T * np.where(agree < 0, -1.0, 1.0)) @ vt_seen
    return _reconciled(puzzle, rotations)


def _components(puzzle: Puzzle) -> Matrix:
    """Return patterns that all blocks share as directions of each block's D̃, [κ,q,q] by column.

    They are those of lag 1, averaged over the blocks as if they shared a core.
    """
    links = [_link(puzzle, block) for block in range(1, len(puzzle.back))]
    first, second = (puzzle.back[side[links]] for side in (puzzle.first, puzzle.second))
    lag = (first.transpose(0, 2, 1) @ puzzle.public[links] @ second).mean(axis=0)
    common = Whitening.of((puzzle.back.transpose(0, 2, 1) @ puzzle.back).mean(axis=0))
    white = common.forward.T @ (lag + lag.T) @ common.forward
    patterns = np.linalg.eigh(white)[1].T @ common.back
    return np.stack([polar((patterns @ np.linalg.inv(back)).T) for back in puzzle.back])


def _link(puzzle: Puzzle, block: int) -> int:
    """Return the pair that joins a block to its nearest neighbour before it."""
    return int(np.flatnonzero(puzzle.second == block)[0])


def _root(puzzle: Puzzle, link: int) -> Matrix:
    """Return U s U′^T of the first block; signs as the means of the blocks have them."""
    (u, _, _), (u_seen, _, _) = _svds(puzzle, link)
    agree = (puzzle.public_means[0] @ u) * (puzzle.released_means[0] @ u_seen)
    return np.asarray((u * np.where(agree < 0, -1.0, 1.0)) @ u_seen.T, dtype=np.float64)


def _svds(puzzle: Puzzle, link: int) -> list[tuple[Matrix, Matrix, Matrix]]:
    return [np.linalg.svd(moments[link]) for moments in (puzzle.public, puzzle.released)]


def _reconciled(puzzle: Puzzle, rotations: Matrix) -> Matrix:
    """Return rotations of which each fits best to all its neighbours, means included."""
    for _, block in np.ndindex(SWEEPS, len(rotations)):
        ahead, behind = (np.flatnonzero(side == block) for side in (puzzle.first, puzzle.second))
        pull = np.outer(puzzle.public_means[block], puzzle.released_means[block])
        for m in ahead:
            pull += puzzle.public[m] @ rotations[puzzle.second[m]] @ puzzle.released[m].T
        for m in behind:
            pull += puzzle.public[m].T @ rotations[puzzle.first[m]] @ puzzle.released[m]
        rotations[block] = polar(pull)
    return rotations


def unfit(view: AdversaryView) -> str:
    """Say why blocks and their neighbours do not give the cores of this release."""
    if why := hindrance(view, cores="distinct", largest=LARGEST_BLOCK):
        return why
    q, images = view.core_size, min(len(view.values), len(view.public or ()))
    if view.kappa * q * q > MOST_VALUES:
        return f"{view.kappa} cores of {q} x {q} are more than this holds in memory"
    if images < (needed := IMAGES_A_VALUE * q):
        return f"{images} images, of the {needed} that cores of {q} values need"
    return ""


def _pair(first: int, second: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.array([first]), np.array([second])


ATTACK: Final = Attack(
    name="chained",
    title="Distinct cores chained from block to block",
    rung="A2",
    needs="pictures of its own, of any kind",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"block": 8, "cores": "distinct", "interleave": False, "core": "gaussian"},
    gives_key=True,
)
