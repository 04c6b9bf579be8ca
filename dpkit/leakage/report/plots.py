"""Histograms of a report: one metric over all images, with the guesses marked."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dpkit.leakage.metrics import METRICS
from dpkit.leakage.report.svg import BLUE, BROWN, INK, VIOLET, svg_uri
from dpkit.leakage.report.words import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from dpkit.types.evidence import Distribution

GUESSES: Final = ((BROWN, "--"), (VIOLET, ":"))  # told apart by dash as well as by colour


def histogram_uri(measured: Distribution, guesses: Mapping[str, Distribution]) -> str:
    """Return the histogram of one metric, with the means of the guesses marked."""

    def draw(axes: Axes) -> None:
        _draw_bars(axes, measured)
        _label(axes, measured.metric)
        _draw_guesses(axes, measured.metric, guesses)

    return svg_uri(draw)


def _draw_bars(axes: Axes, measured: Distribution) -> None:
    edges, total = measured.edges, max(sum(measured.counts), 1)
    widths = [right - left for left, right in pairwise(edges)]
    shares = [100 * count / total for count in measured.counts]
    axes.bar(edges[:-1], shares, widths, align="edge", color=BLUE, edgecolor="white", linewidth=0.4)
    axes.set_ylim(0, 1.42 * max(shares, default=1))  # room for the names of the guesses


def _draw_guesses(axes: Axes, metric: str, guesses: Mapping[str, Distribution]) -> None:
    for place, ((name, guess), (colour, dash)) in enumerate(
        zip(guesses.items(), GUESSES, strict=False)
    ):
        if guess.mean is None:
            continue
        to_the_left = guess.mean > sum(axes.get_xlim()) / 2
        axes.axvline(guess.mean, color=colour, linestyle=dash, linewidth=1.6)
        axes.annotate(
            f"{name} {number(guess.mean, metric)}",
            (guess.mean, 0.97 - 0.11 * place),
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
