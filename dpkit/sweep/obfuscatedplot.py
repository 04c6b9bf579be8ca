"""The trade-off over λ: accuracy beside what the best attacker recovers, a dot for each seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpkit.leakage.report.svg import BLUE, BROWN, INK, svg_bytes
from dpkit.sweep.obfuscated import lines_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dpkit.sweep.obfuscate import Swept


def obfuscated_plot(swept: Swept) -> bytes:
    """Return accuracy over the best attacker's PSNR as SVG; the line goes through the means."""
    return svg_bytes(lambda axes: _draw(axes, swept))


def _draw(axes: Axes, swept: Swept) -> None:
    means = []
    for line in lines_of(swept):
        dots = [
            (each.psnr, accuracy)
            for each, accuracy in zip(line.best(), line.accuracy, strict=True)
            if each is not None and each.psnr is not None
        ]
        if not dots:
            continue
        axes.plot(*zip(*dots, strict=True), color=BLUE, marker="o", ls="", markersize=4, alpha=0.5)
        mean = np.mean(dots, axis=0)
        means.append(mean)
        axes.annotate(f"λ {line.weight:g}", mean, xytext=(4, 4), textcoords="offset points")
    if means:
        axes.plot(*zip(*means, strict=True), color=BLUE, ls="-", linewidth=1)
    guess = swept.guesses["mean image"].psnr
    axes.axvline(guess, color=BROWN, ls=":", label="mean image")
    axes.grid(axis="both", color="#d5dbe1", linewidth=0.6)
    axes.set_xlabel("PSNR of the best attacker (dB)")
    axes.set_ylabel("accuracy, test part", color=INK)
    axes.legend(frameon=False, loc="best")
