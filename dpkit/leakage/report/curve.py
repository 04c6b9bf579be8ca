"""The curve over known images: what 1, 3, 10, … known pairs give away of all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.report.scores import score_cells
from dpkit.leakage.report.svg import BLUE, BROWN, INK, svg_uri
from dpkit.leakage.report.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dpkit.types.audit import Audit, PairsPoint
    from dpkit.types.scores import ImageScores, Spread

LEVELS: Final = {"0.5": "recognisable", "0.9": "nearly the original"}


def curve_uri(points: tuple[PairsPoint, ...], guess: ImageScores | None) -> str:
    """Return mean SSIM with its interval, and the worst image, over known images; else nothing.

    Parameters
    ----------
    guess
        Of the best guess without the release; None where there is none.
    """
    drawn = [(p.known, p.images.ssim) for p in points if p.images.ssim and p.known > 0]
    if not drawn:
        return ""
    return svg_uri(lambda axes: _draw(axes, drawn, guess.ssim if guess else None))


def _draw(axes: Axes, drawn: list[tuple[int, Spread]], guess: Spread | None) -> None:
    known = [k for k, _ in drawn]
    means = [s.mean for _, s in drawn]
    axes.fill_between(known, [m.low for m in means], [m.high for m in means], color="#c9dbe8")
    axes.plot(known, [m.value for m in means], color=BLUE, marker="o", label="mean, 95 % interval")
    axes.plot(known, [s.worst for _, s in drawn], color=INK, marker="^", ls="--", label="worst")
    if guess:
        axes.axhline(guess.mean.value, color=BROWN, ls=":", label="best guess")
    axes.set_xscale("log")
    axes.set_xticks(known, [f"{k:,}" for k in known])
    axes.minorticks_off()
    axes.set_ylim(min(0.0, *(m.low for m in means)), 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 0.9, 1.0])
    axes.grid(axis="y", color="#d5dbe1", linewidth=0.6)
    axes.set_xlabel("known images")
    axes.set_ylabel("SSIM of the others")
    axes.legend(frameon=False, loc="best")


def curve_text(points: tuple[PairsPoint, ...]) -> str:
    """Say in words what the curve shows."""
    said = [
        f"{p.known:,} known {number(p.images.ssim.mean.value, 'ssim')}, worst "
        f"{number(p.images.ssim.worst, 'ssim')}"
        for p in points
        if p.images.ssim
    ]
    return f"Curve of mean SSIM over known images: {'; '.join(said)}."


def curve_rows(points: tuple[PairsPoint, ...]) -> list[dict[str, Any]]:
    """Return one table row a point."""
    return [{"known": f"{p.known:,}", "cells": score_cells(p.images)} for p in points]


def needed_sentences(audit: Audit) -> list[str]:
    """Say how many known images are needed, and where the curve did not get so far."""
    most = max((p.known for p in audit.pairs), default=0)
    said = []
    for level, means in LEVELS.items():
        if level not in audit.pairs_needed:
            continue
        needed = audit.pairs_needed[level]
        reached = (
            f"not reached with up to {most:,} known images"
            if needed is None
            else f"reached from {needed:,} known {'image' if needed == 1 else 'images'} on"
        )
        said.append(f"A mean SSIM of {level} ({means}) was {reached}.")
    return said
