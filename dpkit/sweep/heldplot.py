"""The plot of a sweep of windows: probability of the original class over the window, by layer."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

from dpkit.leakage.report.svg import BLUE, BROWN, INK, VIOLET, svg_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dpkit.sweep.hold import HoldSweep

# Told apart by mark and dash as well as by colour.
_FORMS: Final = (
    (BLUE, "o", "-"), (BROWN, "s", "--"), (VIOLET, "^", "-."), (INK, "D", ":"),
    ("#3d7a3d", "v", "-"), ("#b0568a", "P", "--"), ("#8a6d00", "X", "-."), ("#5a6570", "*", ":"),
)  # fmt: skip


def held_plot(sweep: HoldSweep) -> bytes:
    """Return the plot as SVG; the same sweep gives the same bytes."""
    return svg_bytes(lambda axes: _draw(axes, sweep))


def _draw(axes: Axes, sweep: HoldSweep) -> None:
    plain = sweep.plain.probability
    for held, (colour, mark, dash) in zip(sweep.layers, cycle(_FORMS), strict=False):
        windows = sorted(held.windows)
        means = [held.windows[window].probability for window in windows]
        axes.plot(
            windows, means, color=colour, marker=mark, ls=dash, markersize=4, label=held.layer
        )
    axes.axhline(plain, color=INK, linewidth=0.8)
    axes.axhline(2.0**-sweep.degree * plain, color=INK, linewidth=0.8, ls=(0, (1, 2)))
    axes.set_xscale("log", base=2)
    windows = sorted({window for held in sweep.layers for window in held.windows})
    axes.set_xticks(windows if len(windows) <= 12 else windows[:: len(windows) // 8])  # noqa: PLR2004 (what fits beside each other)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_ylim(0.0, 1.03)
    axes.set_xlabel("window (samples)")
    axes.set_ylabel("probability, original class")
    axes.legend(frameon=False, loc="upper right", ncols=2, fontsize=8)
