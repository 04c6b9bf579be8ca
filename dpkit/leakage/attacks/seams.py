"""Which blocks of a mixed image belong together, by what their common seams look like.

    symbol   here      meaning
    s        kept      share of blocks that stay in place                       (grid.py)
    m        copies    released images that hold this block at this place
    R        log_odds  of a seam: log p(look | one picture) - log p(look | two)
    b        beliefs   probability of each state of a place, given all seams

Block mixing (arXiv 2105.08876) cuts pictures along known lines. How a picture goes on across a line
is learnt from the release itself: lines inside its blocks are whole, and blocks of two random rows
are not of one picture. Looks are logarithms of the step, its mean, its curvature and the steps
beside it; both laws are normal. Beliefs are by sum-product on the grid, damped (Pearl, 1988).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.attacks.grid import grid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort
    from dpkit.leakage.attacks.grid import Grid
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]
    Edge = tuple[int, int]
    Pass = Callable[[Edge, Floats], Floats]

NARROWEST: Final = 4  # pixels of a block that has a whole line inside, two on either side
LEAST_ROWS: Final = 4
MOST_ODDS: Final = 4.0  # of one seam, as a logarithm: neighbours' seams are not independent
ROUNDS: Final = 20
DAMPING: Final = 0.5
_ROUGHNESS: Final = 1e-3  # added to variances
_MOST_ROWS: Final = 500  # from which seams are learnt


def narrow_blocks(view: AdversaryView) -> str:
    """Say that seams cannot be learnt from blocks this narrow; empty where they can."""
    grid = grid_of(view)
    if min(grid.length, grid.block_width) < NARROWEST:
        return f"blocks of {grid.length}x{grid.block_width} hold no whole line to learn seams from"
    if len(view.values) < LEAST_ROWS:
        return f"seams cannot be learnt from {len(view.values)} images"
    return ""


def own_prior(kept: float, copies: NDArray[Any]) -> Floats:
    """Return the probability that a block is its image's own, of `copies` [...] at its place.

    An own block has s more copies than a foreign one, and copies elsewhere are Poisson of 1 - s:
    P = s / (s m + (1-s)²).
    """
    return np.asarray(kept / (kept * copies + (1 - kept) ** 2), dtype=np.float64)


def edges(grid: Grid) -> Iterator[tuple[int, int, int]]:
    """Give neighbouring places: the first, the one below (axis 0) or to the right (axis 1)."""
    for place in range(len(grid)):
        if (place + 1) % grid.across:
            yield place, place + 1, 1
        if place + grid.across < len(grid):
            yield place, place + grid.across, 0


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """A normal law: `mean` [d], inverse covariance `precision` [d,d], log determinant."""

    mean: Floats
    precision: Floats
    log_determinant: float

    @classmethod
    def of(cls, looks: Floats) -> Law:
        """Fit it to looks [n,d]."""
        covariance = np.cov(looks, rowvar=False) + _ROUGHNESS * np.eye(looks.shape[1])
        determinant = float(np.linalg.slogdet(covariance)[1])
        precision = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
        return cls(looks.mean(axis=0), precision, determinant)

    def log_density(self, looks: Floats) -> Floats:
        """Return it of looks [...,d], but for a constant."""
        apart = looks - self.mean
        squared = ((apart @ self.precision) * apart).sum(axis=-1)
        return np.asarray(-0.5 * (squared + self.log_determinant))


@dataclass(frozen=True, slots=True, eq=False)
class Seams:
    """What whole and broken lines of one release look like, for seams along one axis."""

    axis: int
    whole: Law
    broken: Law

    @classmethod
    def learnt(cls, grid: Grid, values: NDArray[Any], axis: int, effort: Effort) -> Seams:
        """Learn it from released images [n,c,h,w]."""
        rng, images = effort.rng(), values[:_MOST_ROWS].astype(np.float64)
        windows, whole, broken = list(grid.windows()), [], []
        for first, second, along in edges(grid):
            effort.check()
            if along != axis:
                continue
            one, other = (_lines(images[:, :, *windows[p]], axis) for p in (first, second))
            middle = one.shape[-1] // 2
            if one.shape[-1] >= NARROWEST:
                around = one[..., middle - 2 : middle], one[..., middle : middle + 2]
                whole.append(looks(*around))
            broken.append(looks(_last(one), _first(rng.permutation(other))))
        return cls(axis, Law.of(np.concatenate(whole)), Law.of(np.concatenate(broken)))

    def log_odds(self, first: NDArray[Any], second: NDArray[Any]) -> Floats:
        """Return R of blocks [...,c,l,w] beside or above each other, within ±`MOST_ODDS`."""
        one, other = (_lines(block.astype(np.float64), self.axis) for block in (first, second))
        found = looks(_last(one), _first(other))
        odds = self.whole.log_density(found) - self.broken.log_density(found)
        return np.asarray(np.clip(odds, -MOST_ODDS, MOST_ODDS))


def looks(before: Floats, after: Floats) -> Floats:
    """Return how two lines [...,c,length,2] meet two others, [...,4]."""
    step = before[..., 1] - after[..., 0]
    into, out = before[..., 1] - before[..., 0], after[..., 1] - after[..., 0]
    figures = (
        np.abs(step).mean(axis=(-1, -2)),
        np.abs(step.mean(axis=-1)).mean(axis=-1),
        (np.abs(step + into) + np.abs(step + out)).mean(axis=(-1, -2)) / 2,
        (np.abs(into) + np.abs(out)).mean(axis=(-1, -2)),
    )
    return np.asarray(np.log1p(np.stack(figures, axis=-1)))


def beliefs(grid: Grid, priors: list[Floats], forward: Pass, effort: Effort) -> list[Floats]:
    """Return the probability of each state of each place, [n,states] a place.

    Parameters
    ----------
    priors
        The same before any seam is looked at.
    forward
        From an edge, in either direction, and what its first place believes [n,states] to what
        that says of the second [n,states].
    """
    near: dict[int, list[int]] = {place: [] for place in range(len(grid))}
    for first, second, _ in edges(grid):
        near[first].append(second)
        near[second].append(first)
    sent = {(a, b): np.ones_like(priors[b]) for b, others in near.items() for a in others}
    for _ in range(ROUNDS):
        effort.check()
        before = sent
        sent = {
            edge: DAMPING * before[edge]
            + (1 - DAMPING) * _mean_one(forward(edge, _believed(priors, near, before, edge)))
            for edge in before
        }
    return [_normal(_believed(priors, near, sent, (p, None))) for p in range(len(grid))]


def _believed(
    priors: list[Floats],
    near: Mapping[int, list[int]],
    sent: Mapping[Edge, Floats],
    edge: tuple[int, int | None],
) -> Floats:
    """Return what a place believes by all its neighbours but the one that is told."""
    place, told = edge
    found = priors[place].copy()
    for other in near[place]:
        if other != told:
            found *= sent[other, place]
    return found


def _normal(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _mean_one(weights: Floats) -> Floats:
    return np.asarray(weights / weights.mean(axis=1, keepdims=True))


def _lines(blocks: Floats, axis: int) -> Floats:
    """Return blocks [...,c,l,w] with the lines that run along the seam last."""
    return np.swapaxes(blocks, -1, -2) if axis == 0 else blocks


def _last(lines: Floats) -> Floats:
    return lines[..., [-2, -1]] if lines.shape[-1] > 1 else lines[..., [0, 0]]


def _first(lines: Floats) -> Floats:
    return lines[..., [0, 1]] if lines.shape[-1] > 1 else lines[..., [0, 0]]
