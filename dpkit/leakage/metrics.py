"""METRICS: how like its original a released image looks. One function and one line each.

A metric compares, image by image, originals u8 or u16 [n,h,w,c] with what a viewer sees of the
released values [n,c,h,w] (`view.py`). A metric may be defined for grey levels alone; it is then
absent, not empty, for floats. None of them measures safety.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.ssim import ssim_mse, ssim_mse_unstretched
from dpkit.leakage.view import are_grey_levels, are_maps, enlarged, flattened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import DTypeLike, NDArray

    Scores = NDArray[np.float64]

MEAN_IMAGE: Final = "mean image"
ANOTHER_IMAGE: Final = "another image"
_IMAGES_AT_ONCE: Final = 16  # float32 copies that a baseline holds


@dataclass(frozen=True)
class Comparison:
    """Originals and what stands for them; computed once, whatever number of metrics ask.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c].
    values
        [n,c,h,w].
    peak
        The largest grey level, 255 or 65535.
    stretch
        Whether `values` are seen each on its own scale, or already are grey levels.
    """

    originals: NDArray[Any]
    values: NDArray[Any]
    peak: int
    stretch: bool = True

    @cached_property
    def ssim_and_mse(self) -> tuple[Scores, Scores]:
        """Both in one pass over the pixels."""
        compare = ssim_mse if self.stretch else ssim_mse_unstretched
        return compare(self.originals, self.values, self.peak)


def _any_type(_dtype: DTypeLike) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of the table.

    Parameters
    ----------
    name, title, unit
        For machines, for readers, and what it is counted in.
    higher_is_more_alike
        Which end is the worst for privacy.
    bin_width
        Of its histogram, as a function of the peak.
    digits
        After the point, where people read it.
    function
        A comparison to float64 [n]; NaN where the metric is not defined.
    applies
        Whether it has a meaning for released values of a type.
    """

    name: str
    title: str
    unit: str
    higher_is_more_alike: bool
    bin_width: Callable[[int], float]
    digits: int
    function: Callable[[Comparison], Scores]
    applies: Callable[[DTypeLike], bool] = _any_type


def ssim(comparison: Comparison) -> Scores:
    """Return structural similarity: 1 for identical pictures, about 0 for unrelated ones."""
    return comparison.ssim_and_mse[0]


def mse(comparison: Comparison) -> Scores:
    """Return the mean squared difference in squared grey levels."""
    return comparison.ssim_and_mse[1]


def psnr(comparison: Comparison) -> Scores:
    """Return 10 log10(peak² / MSE) in decibels; infinite for identical pictures."""
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(comparison.peak**2 / comparison.ssim_and_mse[1])
    return np.asarray(decibels, dtype=np.float64)


def unchanged(comparison: Comparison) -> Scores:
    """Return how many pixels of 100 equal the original's at their place, in all channels.

    It counts values, not their history: a donor's black border equals one's own.
    """
    originals, values = comparison.originals, comparison.values
    equal = np.ones(originals.shape[:3], dtype=bool)
    for channel in range(originals.shape[3]):  # planes: a last axis of three is slow to reduce
        equal &= originals[..., channel] == values[:, channel]
    share = np.count_nonzero(equal, axis=(1, 2)) / (originals.shape[1] * originals.shape[2])
    return np.asarray(100 * share, dtype=np.float64)


METRICS: Final[Mapping[str, Metric]] = {
    m.name: m
    for m in (
        Metric("ssim", "SSIM", "", True, lambda _: 0.02, 3, ssim),
        Metric("psnr", "PSNR", "dB", True, lambda _: 0.5, 1, psnr),
        Metric("mse", "MSE", "grey levels²", False, lambda peak: (peak / 16) ** 2, 0, mse),
        Metric(
            "unchanged",
            "Unchanged in place",
            "%",
            True,
            lambda _: 2.0,
            1,
            unchanged,
            are_grey_levels,
        ),
    )
}


def metrics_for(dtype: DTypeLike) -> tuple[Metric, ...]:
    """Return the metrics that have a meaning for released values of this type."""
    return tuple(metric for metric in METRICS.values() if metric.applies(dtype))


def score(
    originals: NDArray[Any], values: NDArray[Any], peak: int, *, stretch: bool | None = None
) -> dict[str, Scores]:
    """Return every metric of a batch that applies to its type by name, float64 [n] each.

    Parameters
    ----------
    values
        [n,c,h,w]; integers are grey levels of the originals' depth. Feature maps, of another
        shape, are compared in grey (`view.flattened`).
    stretch
        Whether each image is seen on its own scale; by default floats are, integers are not.
    """
    if are_maps(values.shape[1:], originals.shape[1:]):
        originals, values = _as_pictures(originals, values)
    chosen = not are_grey_levels(values.dtype) if stretch is None else stretch
    comparison = Comparison(originals, values, peak, chosen)
    return {metric.name: metric.function(comparison) for metric in metrics_for(values.dtype)}


def _as_pictures(
    originals: NDArray[Any], values: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return originals [n,h,w,·] and rows of another shape [n,·,h,w] as they can be compared."""
    size = (originals.shape[1], originals.shape[2])
    if are_grey_levels(values.dtype):
        return originals, enlarged(values, size)
    return grey(originals), flattened(values, size)


def grey(images: NDArray[Any]) -> NDArray[Any]:
    """Return images [n,h,w,c] as grey levels [n,h,w,1] of their own type: the mean of channels."""
    mean = images.mean(axis=3, keepdims=True, dtype=np.float32)
    return np.asarray(np.rint(mean), dtype=images.dtype)


def baseline_scores(
    originals: NDArray[Any], peak: int, *, dtype: DTypeLike = np.float32, as_maps: bool = False
) -> dict[str, dict[str, Scores]]:
    """Return what guesses without the release score against originals [n,h,w,c].

    `mean image`: one picture, the mean of these originals, for all. `another image`: for each
    the next of these originals, the first for the last; not defined for a single one.

    Parameters
    ----------
    dtype
        The release's own: it decides which metrics there are, and where it is an integer the
        mean image is rounded to grey levels, as a guess at grey levels would be.
    as_maps
        Whether the release holds feature maps: guesses are then compared in grey as well, where
        the maps are no grey levels.
    """
    if as_maps and not are_grey_levels(dtype):
        originals = grey(originals)
    mean: NDArray[Any] = originals.mean(axis=0, dtype=np.float64)
    if are_grey_levels(dtype):
        mean = np.rint(mean).astype(originals.dtype)
    following = np.roll(np.arange(len(originals)), -1)
    guesses: dict[str, Callable[[slice], NDArray[Any]]] = {
        MEAN_IMAGE: lambda part: np.broadcast_to(mean, originals[part].shape),
        ANOTHER_IMAGE: lambda part: originals[following[part]],
    }
    metrics = metrics_for(dtype)
    scores = {name: _score_guess(originals, g, peak, metrics) for name, g in guesses.items()}
    if len(originals) == 1:
        scores[ANOTHER_IMAGE] = {metric.name: np.full(1, np.nan) for metric in metrics}
    return scores


def _score_guess(
    originals: NDArray[Any],
    guess: Callable[[slice], NDArray[Any]],
    peak: int,
    metrics: tuple[Metric, ...],
) -> dict[str, Scores]:
    parts = [slice(i, i + _IMAGES_AT_ONCE) for i in range(0, len(originals), _IMAGES_AT_ONCE)]
    columns: dict[str, list[Scores]] = {metric.name: [] for metric in metrics}
    for part in parts:
        guessed = np.moveaxis(guess(part), -1, 1)
        comparison = Comparison(originals[part], guessed, peak, stretch=False)
        for metric in metrics:
            columns[metric.name].append(metric.function(comparison))
    return {name: np.concatenate(lots) for name, lots in columns.items()}
