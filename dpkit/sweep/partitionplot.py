"""The plot of a sweep of λ: accuracy, and the best attacker's SSIM, by split point."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.report.svg import BLUE, BROWN, INK, VIOLET, svg_bytes
from dpkit.sweep.partitionsentences import likests
from dpkit.sweep.partitiontable import by_setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dpkit.sweep.partition import Case

_FORMS: Final = ((BLUE, "o"), (BROWN, "s"), (VIOLET, "^"), ("#3d7a3d", "v"), (INK, "D"))


def partition_plot(cases: tuple[Case, ...]) -> bytes:
    """Return the plot as SVG; the same cases give the same bytes."""
    return svg_bytes(lambda axes: _draw(axes, cases))


def _draw(axes: Axes, cases: tuple[Case, ...]) -> None:
    settings = by_setting(cases)
    splits = sorted({split for split, _ in settings})
    for split, (colour, mark) in zip(splits, cycle(_FORMS), strict=False):
        found = {strength: same for (of, strength), same in settings.items() if of == split}
        accuracy = [
            float(np.mean([case.standing.accuracy for case in same])) for same in found.values()
        ]
        likeness = [float(np.mean([one.ssim for one in likests(same)] or [np.nan]))
                    for same in found.values()]  # fmt: skip
        strengths = list(found)
        axes.plot(strengths, accuracy, color=colour, marker=mark, ls="-", markersize=4,
                  label=f"accuracy, split {split}")  # fmt: skip
        axes.plot(strengths, likeness, color=colour, marker=mark, ls="--", markersize=4,
                  label=f"best attacker's SSIM, split {split}")  # fmt: skip
    axes.axhline(cases[0].standing.mean_image.ssim, color=INK, linewidth=0.8, ls=(0, (1, 2)))
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(left=0.0)
    axes.set_ylim(min(0.0, cases[0].standing.mean_image.ssim), 1.03)
    axes.set_xlabel("λ")
    axes.set_ylabel("share, SSIM")
    axes.legend(frameon=False, fontsize=7, loc="best")
