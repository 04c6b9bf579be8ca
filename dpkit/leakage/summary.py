"""From one score an image to a `LeakageReport` of aggregates.

Rules: a released report holds figures of `LEAST_IMAGES` images or none; the worst image is
a number only; the top line says that nobody has attacked the release until somebody has, and
then what came of it. The released report of a differentially private release holds nothing that was
computed from originals.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.kernels.ssim import K1, K2, SIGMA, SMALLEST_WINDOW, WINDOW, window_side
from dpkit.leakage.claims import BOUNDS
from dpkit.leakage.metrics import METRICS, Metric
from dpkit.leakage.promise import NOTHING_COMPUTED, statement_of_promise
from dpkit.leakage.verdict import verdict
from dpkit.leakage.view import are_grey_levels, view_of
from dpkit.leakage.withheld import for_release
from dpkit.types.distribution import PERCENTILES, Baseline, Distribution
from dpkit.types.evidence import (
    LEAST_IMAGES,
    Count,
    LeakageReport,
    RoundTrip,
    Settings,
    statement_of,
)
from dpkit.types.report_versions import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.types import Geometry, Json
    from dpkit.types.audit import Audit
    from dpkit.types.promise import PrivacyGuarantee
    from dpkit.types.training_curve import TrainingCurve

    Scores = Mapping[str, NDArray[np.float64]]  # by metric, float64 [n]

_MAX_BINS: Final = 4000
_BASELINES: Final = (
    "Two guesses that anybody can make without the release, scored like it: one picture for all, "
    "the mean of the images compared; and for each image another one of them."
)
_ROUNDED: Final = " The mean is rounded to whole grey levels."


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a report says of a release besides scores.

    Parameters
    ----------
    images
        In the release, all parts.
    treatment
        What was done to an image, in sentences (`Sanitizer.describe`).
    counts
        By part and label.
    as_maps
        Whether released rows are feature maps.
    guarantee
        The differential privacy that is promised, with the provider's totals; None for none.
    training
        How the sanitizer's networks were trained; None for none.
    """

    release_id: str
    created: str
    tool: str
    sanitizer: str
    parameters: Mapping[str, Json]
    geometry: Geometry
    images: int
    treatment: tuple[str, ...] = ()
    counts: tuple[Count, ...] = ()
    notices: tuple[str, ...] = ()
    as_maps: bool = False
    guarantee: PrivacyGuarantee | None = None
    training: TrainingCurve | None = None


def summarize(
    facts: ReleaseFacts,
    scores: Scores,
    baselines: Mapping[str, Scores],
    *,
    round_trip: RoundTrip | None = None,
    released: bool = True,
    dtype: str = "float32",
    audit: Audit | None = None,
) -> LeakageReport:
    """Return the report of one release.

    Parameters
    ----------
    scores
        By metric, float64 [n], one an image.
    baselines
        By guess and metric, over as many images as were compared, from `baseline_scores`.
    released
        Whether the report goes to the developer; the provider's own withholds nothing.
    dtype
        Of the released values, as in the manifest: it decides how they are shown.
    audit
        What attacks made of the release. The released report has its figures where they are of
        `LEAST_IMAGES` images or more, else verdict and states alone.
    """
    promise = _promise(facts, released=released)
    silent = promise if released else None  # then nothing of originals is told
    told = None if silent else for_release(audit) if released else audit
    withheld = _reason_to_withhold(facts, scores, baselines) if released else ""
    least = LEAST_IMAGES if released else 1
    measured = {} if withheld else _distributions(scores, facts.geometry, least)
    guesses = {} if withheld else baselines
    return replace(
        _unmeasured(facts, dtype),
        statement=statement_of_promise(silent) if silent else statement_of(told),
        withheld=withheld,
        measured=measured,
        baselines=tuple(
            Baseline(name, _distributions(columns, facts.geometry, least))
            for name, columns in guesses.items()
        ),
        audit=told,
        round_trip=None if withheld else round_trip,
        guarantee=promise,
        training=_training(facts.training, least),
    )


def _unmeasured(facts: ReleaseFacts, dtype: str) -> LeakageReport:
    """Return what is known of a release before anything of it is measured."""
    bounds = BOUNDS.get(facts.sanitizer)
    return LeakageReport(
        version=VERSION,
        release_id=facts.release_id,
        created=facts.created,
        tool=facts.tool,
        sanitizer=facts.sanitizer,
        parameters={name: _scalar(value) for name, value in facts.parameters.items()},
        geometry=facts.geometry,
        treatment=facts.treatment,
        statement=statement_of(None),
        known_images_sentence=verdict(
            facts.sanitizer, facts.parameters, facts.geometry, facts.images
        ),
        images=facts.images,
        withheld="",
        measured={},
        baselines=(),
        bounds=bounds(facts.parameters, facts.geometry) if bounds else (),
        audit=None,
        round_trip=None,
        counts=facts.counts,
        notices=facts.notices,
        settings=_settings(facts.geometry, dtype, as_maps=facts.as_maps),
    )


def most_alike(metric: str, scores: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the rows of the `count` images most like their originals, the worst first."""
    order = np.argsort(_alikeness(METRICS[metric], scores), kind="stable")
    return order[~np.isnan(scores[order])][:count]


def _alikeness(metric: Metric, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a sort key: the smaller, the more alike; NaN stays NaN and sorts last."""
    return -scores if metric.higher_is_more_alike else scores


def _promise(facts: ReleaseFacts, *, released: bool) -> PrivacyGuarantee | None:
    """Return the guarantee; what images have cost over other releases is the provider's alone."""
    if facts.guarantee is None or not released:
        return facts.guarantee
    return replace(facts.guarantee, releases=0, totals=())


def _training(curve: TrainingCurve | None, least: int) -> TrainingCurve | None:
    """Return the curve where enough images decided it."""
    return curve if curve is not None and curve.deciding >= least else None


def _reason_to_withhold(
    facts: ReleaseFacts, scores: Scores, baselines: Mapping[str, Scores]
) -> str:
    if facts.guarantee is not None:
        return NOTHING_COMPUTED
    columns = [*scores.values(), *(c for s in baselines.values() for c in s.values())]
    fewest = min((len(column) for column in columns), default=0)
    if fewest >= LEAST_IMAGES:
        return ""
    return (
        f"The figures are of {fewest} images. Below {LEAST_IMAGES} a figure may tell about a "
        "single image, so none is released; the provider's own report has them."
    )


def _distributions(scores: Scores, geometry: Geometry, least: int) -> dict[str, Distribution]:
    return {
        name: distribution(METRICS[name], np.asarray(column, np.float64), geometry.peak, least)
        for name, column in scores.items()
    }


def distribution(
    metric: Metric, scores: NDArray[np.float64], peak: int, least: int = LEAST_IMAGES
) -> Distribution:
    """Return one metric over all images; NaN is not defined, infinity is counted apart.

    Where fewer than `least` figures are finite there is no mean, deviation or histogram: they
    would be of too few images.
    """
    defined = scores[~np.isnan(scores)]
    finite = defined[np.isfinite(defined)]
    told = finite if len(finite) >= least else finite[:0]
    counts, edges = _histogram(told, metric.bin_width(peak))
    return Distribution(
        metric=metric.name,
        n=len(defined),
        not_defined=len(scores) - len(defined),
        infinite=len(defined) - len(finite),
        mean=float(told.mean()) if len(told) else None,
        std=float(told.std()) if len(told) else None,
        percentiles=_percentiles(defined),
        worst=float(defined[np.argmin(_alikeness(metric, defined))]) if len(defined) else None,
        counts=counts,
        edges=edges,
    )


def _percentiles(scores: NDArray[np.float64]) -> dict[str, float]:
    if not len(scores):
        return {}
    # Nearest rank: between a finite and an infinite figure there is nothing to interpolate.
    found = np.percentile(scores, [int(p) for p in PERCENTILES], method="inverted_cdf")
    return {name: float(value) for name, value in zip(PERCENTILES, found, strict=True)}


def _histogram(
    finite: NDArray[np.float64], width: float
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Count by bins at multiples of `width`, from the first that is occupied to the last.

    Bins do not follow the data, so that an edge tells nothing finer than its width.
    """
    if not len(finite):
        return (), ()
    bins = np.floor(finite / width + 1e-9).astype(np.int64)  # 0.06 / 0.02 is 2.99…96
    bins = np.maximum(bins, bins.max() - _MAX_BINS)
    first = int(bins.min())
    counts = np.bincount(bins - first)
    edges = [round((first + i) * width, 9) for i in range(len(counts) + 1)]
    return tuple(int(c) for c in counts), tuple(edges)


def _scalar(value: Json) -> bool | int | float | str | None:
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value


def _settings(geometry: Geometry, dtype: str, *, as_maps: bool) -> Settings:
    side = window_side(geometry.height, geometry.width)
    ssim = (
        f"Wang et al. 2004: Gaussian window of {WINDOW}x{WINDOW} pixels, σ = {SIGMA}, K1 = {K1}, "
        f"K2 = {K2}, population variances, mean over channels and over all places where the "
        "window fits"
    )
    if side < SMALLEST_WINDOW:
        ssim = "Not defined: a side of the images is shorter than 3 pixels"
    elif side < WINDOW:
        ssim += f"; the images are small, so the window is cut to {side}x{side}"
    return Settings(
        ssim=f"{ssim}.",
        view=view_of(dtype, as_maps=as_maps),
        peak=geometry.peak,
        window=side,
        baselines=_BASELINES + (_ROUNDED if are_grey_levels(dtype) else ""),
    )
