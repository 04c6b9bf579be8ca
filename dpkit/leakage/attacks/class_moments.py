"""Labels are released: the means and covariances of each class name the core, whatever its law.

    symbol      here         meaning
    π_c         shares       share of class c among the released rows
    μ_c, S_c    `_Moments`   mean and covariance of class c's rows, of T or, primed, of D
    X           (unmixing)   T X = D: Σ_T^-½ R Σ_D^½, [q,q]
    R           rotation     what whitening both sides leaves open

Public pictures of the same kind with labels give noisy pairs for any linear core: μ_c X is about
μ'_c, and Xᵀ S_c X about S'_c. Once both sides are whitened by their covariance over all classes
(each class with its released share), X is a rotation R, and

    max_R  Σ_c π_c (m tr(μ'_cᵀ μ_c R) + tr(S'_c Rᵀ S_c R)),

where directions in which pictures vary more weigh more. The gradient's nearest rotation, taken
again and again, climbs to a maximum: the sum is convex in R. No label-free start is needed: the
class means give one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
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
    Labels = NDArray[np.int64]
    Places = NDArray[np.int64]

FEWEST_CLASSES: Final = 3
LARGEST_CORE: Final = 256  # a step costs 4 q³ a class and place
ROWS_PER_VALUE: Final = 4  # of a core; covariances have q²/2 entries
LEAST_OF_CLASS: Final = 8  # rows that give a class a covariance
STEPS: Final = (200, 1000)  # quick and full
MEAN_WEIGHT: Final = 4.0  # m, of class means beside class covariances
EMPHASIS: Final = 0.5  # the power of a direction's variance that weighs it
MOST_ENTRIES: Final = 2**24  # of all covariances of a side: 128 MiB
_STILL: Final = 1e-6  # the change of R, relative, at which it is found
_TINY: Final = 1e-12
_NO_LABELS: Final = "needs labels of the release and of the public pictures"


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find X of each core from what classes have in common, then D = T X."""
    watch = Stopwatch()
    labels, cores = _labels(view), places_by_core(view)
    images = (
        view.values.reshape(len(view.values), -1).astype(np.float64),
        unrolled(view, same_kind(view).pixels),
    )
    found, misfits = np.empty((len(view.targets), images[1].shape[1])), []
    for done, places in enumerate(cores):
        until = time.monotonic() + max(0.0, effort.left) / (2 * (len(cores) - done))
        released, public = _two_sides(images, labels, places)
        rotation = _climbed(released, public, (effort, until))
        misfits.append(_misfit(released, public, rotation))
        white = released.whitening.whitened(rows_at(images[0][: len(found)], places))
        opened = public.whitening.coloured(white @ rotation)
        found[:, places] = opened.reshape(len(found), *places.shape)
    classes = len(np.intersect1d(*labels))
    return Reconstruction(
        "class-moments",
        pixels(view, found),
        {"classes": float(classes), "misfit": float(np.mean(misfits))},
        watch.seconds,
        f"{len(cores)} cores of {places.shape[1]} values were fitted to the means and covariances "
        f"of {classes} classes.",
    )


@dataclass(frozen=True, slots=True)
class _Moments:
    """What the rows of one side say of each group: a class at one place.

    Parameters
    ----------
    shares
        π, of each group among the released rows, [g].
    whitening
        Of all rows, each group with its share.
    means, covariances
        Of each group, whitened, [g,q] and [g,q,q].
    """

    shares: Matrix
    whitening: Whitening
    means: Matrix
    covariances: Matrix

    @classmethod
    def of(cls, members: list[Matrix], shares: Matrix, least_share: float) -> _Moments:
        """Take the rows [·,q] of each group."""
        means = np.stack([rows.mean(axis=0) for rows in members])
        covariances = np.stack([np.cov(rows, rowvar=False, bias=True) for rows in members])
        mean = shares @ means
        apart = means - mean
        whole = np.tensordot(shares, covariances, 1) + (apart.T * shares) @ apart
        whitening = Whitening.of(mean, whole, least_share)
        root = whitening.inverse_root
        return cls(shares, whitening, apart @ root, root @ covariances @ root)


def _two_sides(
    images: tuple[Matrix, Matrix], labels: tuple[Labels, Labels], places: Places
) -> tuple[_Moments, _Moments]:
    """Return the moments of the released and of the public blocks of one core."""
    rows = [rows_at(of_side, places) for of_side in images]
    blocks = np.arange(len(places))
    groups = [(of_side[:, None] * len(places) + blocks).reshape(-1) for of_side in labels]
    kept, counts = _kept_groups(groups[0], groups[1], places.shape[1])
    released, public = (
        _Moments.of([of_side[of_rows == group] for group in kept], counts / counts.sum(), least)
        for of_side, of_rows, least in zip(rows, groups, (_TINY, LEAST_SHARE), strict=True)
    )
    return released, public


def _kept_groups(released: Labels, public: Labels, size: int) -> tuple[Labels, Labels]:
    """Return the groups with enough rows on both sides, largest first, and their released rows."""
    groups, counts = np.unique(released, return_counts=True)
    theirs = np.array([np.count_nonzero(public == group) for group in groups])
    order = np.argsort(-np.minimum(counts, theirs), kind="stable")
    enough = np.minimum(counts, theirs)[order] >= LEAST_OF_CLASS
    chosen = order[enough][: max(FEWEST_CLASSES, MOST_ENTRIES // size**2)]
    return groups[chosen], counts[chosen]


def _climbed(released: _Moments, public: _Moments, limits: tuple[Effort, float]) -> Matrix:
    """Return the rotation R at which the gradient's nearest rotation is R itself."""
    effort, until = limits
    emphasis = _emphasis(public.whitening.root)
    towards = emphasis @ public.covariances @ emphasis
    weighted = released.means.T * released.shares
    of_means = MEAN_WEIGHT * weighted @ public.means @ emphasis @ emphasis
    of_classes = released.shares[:, None, None] * released.covariances
    rotation = nearest_rotation(of_means)
    for _ in range(STEPS[effort.is_full]):
        effort.check()
        gradient = of_means + (of_classes @ rotation @ towards).sum(axis=0)
        before, rotation = rotation, nearest_rotation(gradient)
        is_still = np.linalg.norm(rotation - before) < _STILL * np.linalg.norm(rotation)
        if is_still or time.monotonic() > until:
            break
    return rotation


def _emphasis(root: Matrix) -> Matrix:
    """Return Σ_D^½ to the power `EMPHASIS`, with a mean square of one, [q,q]."""
    deviations, vectors = np.linalg.eigh(root)
    weights = np.maximum(deviations, _TINY) ** EMPHASIS
    weights /= np.sqrt((weights**2).mean())
    return np.asarray((vectors * weights) @ vectors.T, dtype=np.float64)


def _misfit(released: _Moments, public: _Moments, rotation: Matrix) -> float:
    """Return how much of the classes' own energy the fit leaves open."""
    left = rotation.T @ released.covariances @ rotation - public.covariances
    own = public.covariances - np.eye(len(rotation))
    return float(np.linalg.norm(left) / max(float(np.linalg.norm(own)), _TINY))


def _labels(view: AdversaryView) -> tuple[Labels, Labels]:
    """Return released and public labels, or raise `UsageError`."""
    public = same_kind(view).labels
    if view.labels is None or public is None:
        raise UsageError(f"this attack {_NO_LABELS}")
    return view.labels, public


def unfit(view: AdversaryView) -> str:
    """Say what is missing, or that a core is too large, or classes or images too few."""
    if missing := lacks_same_kind(view):
        return missing
    if view.labels is None or same_kind(view).labels is None:
        return _NO_LABELS
    blocks, size = places_by_core(view)[0].shape
    if size > LARGEST_CORE:
        return f"solves for cores of up to {LARGEST_CORE} values, and here one has {size}"
    labels = _labels(view)
    classes = len(_kept_groups(*labels, size)[0])
    if classes < FEWEST_CLASSES:
        return f"needs {FEWEST_CLASSES} classes of {LEAST_OF_CLASS} images, and has {classes}"
    least = blocks * min(len(of_side) for of_side in labels)
    if least < ROWS_PER_VALUE * size:
        return f"needs {ROWS_PER_VALUE * size} released and public blocks, and has {least}"
    return ""


ATTACK: Final = Attack(
    name="class-moments",
    title="Images by the moments of their classes",
    rung="A3",
    needs="labels, and labelled pictures of the release's own kind",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"cores": "shared", "block": 16, "interleave": False},
)
