"""Histograms of a report: one metric over all images, with the guesses marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dpkit.leakage.metrics import METRICS
from dpkit.leakage.report.svg import BLUE, BROWN, INK, VIOLET, svg_uri
from dpkit.leakage.report.words import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from dpkit.types.distribution import Distribution

GUESSES: Final = ((BROWN, "--"), (VIOLET, ":"))  # told apart by dash as well as by colour


def histogram_uri(measured: Distribution, guesses: Mapping[str, Distribution]) -> str:
    """Return the histogram of one metric, with the means of the guesses marked."""
    means = tuple((name, guess.mean) for name, guess in guesses.items())
    return _drawn(_Bars(measured.metric, measured.counts, measured.edges), means)


@dataclass(frozen=True, slots=True)
class _Bars:
    metric: str
    counts: tuple[int, ...]
    edges: tuple[float, ...]


@lru_cache(maxsize=8)  # both editions of a report show the same
def _drawn(bars: _Bars, means: tuple[tuple[str, float | None], ...]) -> str:
    def draw(axes: Axes) -> None:
        _draw_bars(axes, bars)
        _label(axes, bars.metric)
        _draw_guesses(axes, bars.metric, means)

    return svg_uri(draw)


def _draw_bars(axes: Axes, bars: _Bars) -> None:
    edges, total = bars.edges, max(sum(bars.counts), 1)
    widths = [right - left for left, right in pairwise(edges)]
    shares = [100 * count / total for count in bars.counts]
    axes.bar(edges[:-1], shares, widths, align="edge", color=BLUE, edgecolor="white", linewidth=0.4)
    axes.set_ylim(0, 1.42 * max(shares, default=1))  # room for the names of the guesses


def _draw_guesses(axes: Axes, metric: str, means: tuple[tuple[str, float | None], ...]) -> None:
    marks = zip(means, GUESSES, strict=False)
    for place, ((name, mean), (colour, dash)) in enumerate(marks):
        if mean is None:
            continue
        to_the_left = mean > sum(axes.get_xlim()) / 2
        axes.axvline(mean, color=colour, linestyle=dash, linewidth=1.6)
        axes.annotate(
            f"{name} {number(mean, metric)}",
            (mean, 0.97 - 0.11 * place),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if to_the_left else 4, 0),
            textcoords="offset points",
            color=colour,
            va="top",
            ha="right" if to_the_left else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )


def _label(axes: Axes, metric: str) -> None:
    entry = METRICS[metric]
    unit = f" ({entry.unit})" if entry.unit else ""
    arrow = "more alike →" if entry.higher_is_more_alike else "← more alike"
    axes.set_xlabel(f"{entry.title}{unit}    {arrow}")
    axes.set_ylabel("% of images")
    left, right = axes.get_xlim()
    if metric == "ssim":
        left, right = min(left, -0.05), 1.05
        axes.axvline(1.0, color=INK, linewidth=1.0)
        axes.annotate(
            "identical ", (1.0, 0.75), xycoords=("data", "axes fraction"), va="top", ha="right"
        )
    elif metric == "psnr":
        left, right = min(left, 0.0), max(right, 40.0)
    elif metric == "unchanged":
        left, right = 0.0, 102.0  # the last bin begins at 100
    axes.set_xlim(left, right)
