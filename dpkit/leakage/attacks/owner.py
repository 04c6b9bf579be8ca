"""Whose image this is: its blocks vote for the pictures of a gallery, and each picture has one row.

    symbol   here        meaning
    s        kept        share of blocks that stay in place (`mix_bounds`)
    N_s      donors      others whose blocks an image may hold                   Algorithm 1
    f        frequency   share of the gallery with this block at this place
    v        vote        evidence of one equal block, log (s + (1-s)f) - log ((1-s) max(1/N_s, f))
    L        evidence    log likelihood that a row is a picture's [rows,g]
    P        posterior   L balanced: each row is one picture's, no picture has two rows

Block mixing (arXiv 2105.08876) keeps blocks in place and as they are. A block that all have at a
place, such as a black border, decides nothing; where blocks stay more seldom than one donor's come
in, its vote turns against. Balancing is Sinkhorn's (Ann. Math. Stat. 35:876, 1964), with one more
row that takes the pictures that are nobody's.

A recompressed or noisy gallery has no equal blocks. Each block then votes for the nearest picture,
by as much as the second nearest is farther away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import logsumexp

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.grid import gallery_of, grid_of, occurrences, without_gallery
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.grid import Grid
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]

ROUNDS: Final = 100  # of balancing
LEAST_EQUAL: Final = 0.05  # of blocks: below, the gallery is taken for a copy with errors
_LEAST_SHARE: Final = 1e-6  # stands for s = 0, where no block stays
_ROWS_AT_ONCE: Final = 256


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Link each wanted row to the gallery, float64 [wanted,g], log of a probability."""
    watch = Stopwatch()
    grid, gallery = grid_of(view), gallery_of(view)
    evidence, equal = by_equality(grid, view.targets, gallery)
    is_exact = equal >= LEAST_EQUAL
    if not is_exact:
        evidence = by_distance(grid, view.targets, gallery, effort)
    links = balanced(evidence, effort)
    sure = float(np.exp(links.max(axis=1)).mean())
    how = "equal" if is_exact else "nearest"
    return Reconstruction(
        "owner",
        None,
        {"equal_blocks": equal, "sure": sure},
        watch.seconds,
        f"Votes of {how} blocks among {len(gallery)} pictures name an owner for each row; by its "
        f"own account {sure:.0%} of these are right.",
        links=links,
    )


def by_equality(grid: Grid, values: NDArray[Any], gallery: NDArray[Any]) -> tuple[Floats, float]:
    """Return L [n,g] from equal blocks, and the share of blocks that some picture has."""
    kinds = grid.kinds(np.concatenate([gallery, values]))
    own, seen = kinds[: len(gallery)], kinds[len(gallery) :]
    votes = vote(grid, occurrences(own) / len(own))
    evidence, matches, equal = (np.zeros((len(seen), len(own))) for _ in range(3))
    for place in range(len(grid)):
        is_equal = seen[:, place, None] == own[:, place]
        evidence += is_equal * votes[:, place]
        matches += is_equal * (votes[:, place] != vote(grid, 1.0))
        equal[:, 0] += is_equal.any(axis=1)
    return evidence + _met(grid, matches), float(equal[:, 0].mean() / len(grid))


def by_distance(grid: Grid, values: NDArray[Any], gallery: NDArray[Any], effort: Effort) -> Floats:
    """Return L [n,g] from the nearest block at each place, in squared distance."""
    evidence, matches = (np.zeros((len(values), len(gallery))) for _ in range(2))
    full = vote(grid, 1 / len(gallery))
    for seen, own in zip(grid.pieces(values), grid.pieces(gallery), strict=True):
        for start in range(0, len(seen), _ROWS_AT_ONCE):
            effort.check()
            rows = slice(start, start + _ROWS_AT_ONCE)
            nearest, weight = _nearest(seen[rows].astype(np.float64), own.astype(np.float64))
            who = np.arange(len(values))[rows]
            evidence[who, nearest] += weight * full
            matches[who, nearest] += weight
    return evidence + _met(grid, matches)


def vote(grid: Grid, frequency: Any) -> Any:
    """Return v for blocks that this share of the gallery has at their place."""
    kept = float(np.clip(grid.kept, _LEAST_SHARE, 1 - _LEAST_SHARE))
    foreign = (1 - kept) * np.maximum(1 / grid.donors, frequency)
    return np.log(kept + (1 - kept) * np.asarray(frequency)) - np.log(foreign)


def balanced(evidence: Floats, effort: Effort) -> Floats:
    """Return log P [n,g] of evidence [n,g]: rows sum to 1, no column sums to more."""
    rows, pictures = evidence.shape
    nobody = pictures - rows
    links = np.vstack([evidence, np.zeros((1, pictures))]) if nobody > 0 else evidence
    mass = np.zeros((len(links), 1))
    if nobody > 0:
        mass[-1] = np.log(nobody)
    for _ in range(ROUNDS):
        effort.check()
        links = links - logsumexp(links, axis=0, keepdims=True)
        links = links - logsumexp(links, axis=1, keepdims=True) + mass
    return np.asarray(links[:rows], dtype=np.float64)


def _met(grid: Grid, matches: Floats) -> Floats:
    """Return what it says for a picture that any block of it is seen: few are, the owner mostly."""
    few = np.log(max(1.0, matches.shape[1] / grid.donors))
    return np.asarray(np.minimum(matches, 1) * few)


def _nearest(seen: Floats, own: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return the nearest of own [g,·] to each of seen [n,·], and by how much it is, 0 to 1.

    It counts 1 where the second nearest is twice as far (four times in squares) or farther.
    """
    if len(own) == 1:
        return np.zeros(len(seen), np.int64), np.ones(len(seen))
    squares = (seen**2).sum(axis=1)[:, None] + (own**2).sum(axis=1) - 2 * seen @ own.T
    two = np.argpartition(squares, 1, axis=1)[:, :2]
    near, second = np.sort(np.take_along_axis(squares, two, axis=1), axis=1).clip(1e-9).T
    weight = np.minimum(1.0, np.log(second / near) / np.log(4.0))
    return squares.argmin(axis=1), weight


ATTACK: Final = Attack(
    name="owner",
    title="Owner by a vote of blocks",
    rung="A7",
    needs="a gallery that holds the originals",
    sanitizers=("mix",),
    run=run,
    unfit=without_gallery,
    weak={"p_replace": 0.05, "Nt": 1},
    is_quick=True,
)
