"""A rotation keeps the shape of the cloud of images: turn it onto a public cloud of the same kind.

    symbol   here       meaning
    T        released   released blocks, one a row [·,q]
    D        public     blocks of public pictures of the same kind [·,q]
    R        rotation   orthogonal, T R is to be distributed as D
    W        `_plan`    who may be whom: a soft matching of released and public rows

An orthogonal core leaves the covariance's spectrum as it was, so principal components of T and D
are matched by rank, and their signs by what is odd: means and third moments. From there, in turns:
each released row is matched softly with the public rows that are near (entropic transport;
Cuturi, arXiv 1306.0895), and R becomes the rotation nearest to that matching (Procrustes), as for
word vectors of two languages (Grave et al., arXiv 1805.11222). Under any other core both clouds
are whitened first; what is left is again a rotation, but no longer a spectrum: components of the
fourth moments, E[|x|² x xᵀ], take its place (FOBI, Cardoso 1989).

Components of nearly one size may have changed their ranks between the clouds, so other ranks are
tried besides other signs. How near the turned cloud comes is compared with two halves of the
public one: where it is farther, the rotation is a wrong maximum, and said to be unsure.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.decode import pixels
from dpkit.leakage.attacks.rotation import (
    LEAST_SHARE,
    Whitening,
    lacks_same_kind,
    nearest_rotation,
    places_by_core,
    rows_at,
    same_kind,
    unrolled,
)
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

LARGEST_CORE: Final = 1024
ROWS_PER_VALUE: Final = 2  # of a core, released and public: fewer tell no spectrum
MOST_ROWS: Final = (1000, 2000)  # quick and full, of each side of a matching
STEPS: Final = (30, 100)  # quick and full, of matching and turning
STARTS: Final = (8, 24)  # quick and full: choices of ranks and signs
ROUNDS: Final = (2, 4)  # quick and full, of starts, at most
SURE: Final = 0.95  # the least fit that counts: right rotations had 0.98, wrong ones 0.93 at most
RANK_DOUBT: Final = 3.0  # over the root of the rows: spread of a component's size, relative
SCREENED_ROWS: Final = 300  # of each side, by which starts are compared
SCREENED_STEPS: Final = 8
SOFTNESS: Final = 0.5  # of a matching, beside the mean distance to the nearest public row
_FITS: Final = "They lie on the public ones as these on each other."
_UNSURE: Final = "It is not sure: other rotations may fit as well or better."
_SCALINGS: Final = 20  # Sinkhorn's, a step
_TINY: Final = 1e-12


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Turn the blocks of each core onto the public ones."""
    watch, rng = Stopwatch(), effort.rng()
    public = unrolled(view, same_kind(view).pixels)
    released = view.values.reshape(len(view.values), -1).astype(np.float64)
    found, left, cores = np.empty((len(view.targets), public.shape[1])), [], places_by_core(view)
    for done, places in enumerate(cores):
        turned = _Turning(rows_at(released, places), rows_at(public, places), view.core, rng)
        share = max(0.0, effort.left) / (2 * (len(cores) - done))
        left.append(turned.turn(effort, time.monotonic() + share))
        opened = turned.opened(rows_at(released[: len(found)], places))
        found[:, places] = opened.reshape(len(found), *places.shape)
    fit = min(fit for _, fit in left)
    figures = {
        "cores": float(len(cores)),
        "distance to public": float(np.mean([distance for distance, _ in left])),
        "fit": fit,
        "sure": float(fit >= SURE),
    }
    known = "the components' order" if view.core == "orthogonal" else "no order of the components"
    return Reconstruction(
        "spectrum",
        pixels(view, found),
        figures,
        watch.seconds,
        f"{len(cores)} cores of {places.shape[1]} values were turned onto public pictures; a core "
        f"of this law keeps {known}. {_FITS if fit >= SURE else _UNSURE}",
    )


class _Turning:
    """The search for the rotation of one core."""

    def __init__(
        self, released: Matrix, public: Matrix, law: str, rng: np.random.Generator
    ) -> None:
        self._is_rotation, self._rng = law == "orthogonal", rng
        sides = [(rows.mean(axis=0), np.cov(rows, rowvar=False)) for rows in (released, public)]
        self._whitenings = [
            _only_centred(mean) if self._is_rotation else Whitening.of(mean, covariance, share)
            for (mean, covariance), share in zip(sides, (_TINY, LEAST_SHARE), strict=True)
        ]
        self._released, self._public = (
            of_side.whitened(rows)
            for of_side, rows in zip(self._whitenings, (released, public), strict=True)
        )
        self._rotation = np.eye(released.shape[1])

    def turn(self, effort: Effort, until: float) -> tuple[float, float]:
        """Find the rotation from the best of several starts, and of more where none fits.

        Returns the distance that is left, and the fit.
        """
        best = (np.inf, -np.inf)
        for _ in range(ROUNDS[effort.is_full]):
            rotation, cost, fit = self._round(effort, until)
            if cost < best[0]:
                self._rotation, best = rotation, (cost, fit)
            if best[1] >= SURE or time.monotonic() > until:
                break
        return best

    def _round(self, effort: Effort, until: float) -> tuple[Matrix, float, float]:
        most, steps = MOST_ROWS[effort.is_full], STEPS[effort.is_full]
        released, public = (
            rows[self._rng.permutation(len(rows))[:most]] for rows in (self._released, self._public)
        )
        few = (released[:SCREENED_ROWS], public[:SCREENED_ROWS])
        tried = [
            _refined(start, *few, SCREENED_STEPS, (effort, until))
            for start in self._starts(STARTS[effort.is_full])
        ]
        start = min(tried, key=lambda pair: pair[1])[0]
        rotation, cost = _refined(start, released, public, steps, (effort, until))
        return rotation, cost, self._fit(released, rotation, public)

    def _fit(self, released: Matrix, rotation: Matrix, public: Matrix) -> float:
        """Return how far a rotation brings the clouds together: 0 as one drawn, 1 as if the same.

        The clouds are the same where they are as near as two halves of the public one.
        """
        half = min(len(released), len(public) // 2)
        rest = public[half : 2 * half]
        drawn = nearest_rotation(self._rng.standard_normal(rotation.shape))
        far, found, near = (
            _plan(rows, rest)[1]
            for rows in (released[:half] @ drawn, released[:half] @ rotation, public[:half])
        )
        return (far - found) / max(far - near, _TINY)

    def opened(self, rows: Matrix) -> Matrix:
        """Return released rows [·,q] as D."""
        of_released, of_public = self._whitenings
        return of_public.coloured(of_released.whitened(rows) @ self._rotation)

    def _starts(self, count: int) -> list[Matrix]:
        """Return rotations by ranks; the first the likeliest, others in doubt of ranks or signs."""
        released, public = (
            _Components.of(rows, of_side, self._is_rotation)
            for rows, of_side in zip((self._released, self._public), self._whitenings, strict=True)
        )
        spread = RANK_DOUBT / np.sqrt(min(len(self._released), len(self._public)))
        starts = []
        for number, doubt in enumerate(np.linspace(0, 1, count)):
            is_of_ranks = number % 2 == 1
            noise = self._rng.standard_normal((2, len(released.sizes)))
            ranked = released.ranked(noise[0] * (spread if is_of_ranks else 0.0))
            evidence = ranked.agreement(public)
            if not is_of_ranks:
                evidence += 2 * doubt * float(np.median(np.abs(evidence))) * noise[1]
            starts.append((ranked.axes * np.where(evidence < 0, -1, 1)) @ public.axes.T)
        return starts


def _only_centred(mean: Matrix) -> Whitening:
    return Whitening(mean, np.eye(len(mean)), np.eye(len(mean)))


@dataclass(frozen=True, slots=True, eq=False)
class _Components:
    """Directions that no rotation changes: their sizes [q], ascending, axes [q,q], odd moments.

    A sample knows a size to about sqrt(2 / rows) of it, so that near ones may change their ranks.
    """

    sizes: Matrix
    axes: Matrix
    odd: Matrix

    @classmethod
    def of(cls, rows: Matrix, whitening: Whitening, is_rotation: bool) -> _Components:
        """Take variances of a cloud [n,q] that was turned, or fourth moments of one whitened."""
        weights = np.ones(len(rows)) if is_rotation else (rows**2).sum(axis=1)
        sizes, axes = np.linalg.eigh((rows.T * weights) @ rows)
        mean = whitening.mean @ whitening.inverse_root
        return cls(np.maximum(sizes, _TINY), axes, _odd_moments(rows @ axes, mean @ axes))

    def ranked(self, noise: Matrix) -> _Components:
        """Return the components by the logarithm of their size and some noise [q]."""
        order = np.argsort(np.log(self.sizes) + noise, kind="stable")
        odd = np.vstack([self.odd[:1], self.odd[1:][order]])[:, order]
        return _Components(self.sizes[order], self.axes[:, order], odd)

    def agreement(self, other: _Components) -> Matrix:
        """Return for each component what says that its sign is the other's, [q]."""
        return np.asarray((self.odd * other.odd).sum(axis=0), dtype=np.float64)


def _odd_moments(along: Matrix, mean: Matrix) -> Matrix:
    """Return what changes its sign with a component, [1+q,q]: its mean, and E[z_i² z_j]."""
    deviation = np.sqrt((along**2).mean(axis=0)) + _TINY
    scores = along / deviation
    return np.vstack([mean / deviation, (scores**2).T @ scores / len(scores)])


def _refined(
    rotation: Matrix, released: Matrix, public: Matrix, steps: int, limits: tuple[Effort, float]
) -> tuple[Matrix, float]:
    """Match and turn; return the rotation and the mean squared distance that is left."""
    effort, until = limits
    cost = np.inf
    for _ in range(steps):
        effort.check()
        plan, cost = _plan(released @ rotation, public)
        rotation = nearest_rotation(released.T @ (plan @ public))
        if time.monotonic() > until:
            break
    return rotation, cost


def _plan(turned: Matrix, public: Matrix) -> tuple[Matrix, float]:
    """Return a soft matching [n,p] whose rows and columns have even sums, and its cost."""
    lengths = (turned**2).sum(axis=1)[:, None] + (public**2).sum(axis=1)
    distances = np.maximum(lengths - 2 * turned @ public.T, 0)
    nearest = distances.min(axis=1, keepdims=True)
    kernel = np.exp((nearest - distances) / (SOFTNESS * nearest.mean() + _TINY))
    by_row = np.ones(len(kernel))
    for _ in range(_SCALINGS):
        by_column = 1 / (kernel.shape[1] * (by_row @ kernel) + _TINY)
        by_row = 1 / (len(kernel) * (kernel @ by_column) + _TINY)
    plan = kernel * by_column * by_row[:, None]
    return plan, float((plan * distances).sum())


def unfit(view: AdversaryView) -> str:
    """Say what is missing, or that a core is too large, or images too few."""
    if missing := lacks_same_kind(view):
        return missing
    blocks, size = places_by_core(view)[0].shape
    if size > LARGEST_CORE:
        return f"turns cores of up to {LARGEST_CORE} values, and here one has {size}"
    least = blocks * min(len(view.values), len(same_kind(view)))
    if least < ROWS_PER_VALUE * size:
        return f"needs {ROWS_PER_VALUE * size} released and public blocks, and has {least}"
    return ""


ATTACK: Final = Attack(
    name="spectrum",
    title="Images by turning their cloud onto a public one",
    rung="A2",
    needs="public pictures of the release's own kind",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"core": "orthogonal", "cores": "shared", "block": 16, "interleave": False},
)
