"""The table and the picture of the utility bench: accuracy beside SSIM and owners found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib.pyplot as plt
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes

    from dpkit.sanitizers.mix import Mix


@dataclass(frozen=True)
class Row:
    """What came of one mix, an entry a seed; `blocks` and `rounds` are 0 for the originals."""

    blocks: int
    rounds: int
    ssim: list[float]
    owners: list[float]
    accuracies: dict[tuple[str, bool], list[float]]  # by network and whether augmented

    @classmethod
    def of(cls, mix: Mix | None, size: tuple[int, int], networks: Iterable[str]) -> Self:
        """Return an empty row for images of `size`, height and width."""
        accuracies = {(name, augmented): [] for name in networks for augmented in (False, True)}
        if mix is None:
            return cls(0, 0, [], [], accuracies)
        blocks = -(-size[0] // mix.Lb) * -(-size[1] // mix.Wb)
        return cls(blocks, mix.Nt, [], [], accuracies)

    @property
    def title(self) -> str:
        return f"N_b {self.blocks}, N_t {self.rounds}" if self.blocks else "originals"


def table(rows: list[Row], guess: float) -> str:
    """Return Markdown: accuracies as mean (least to most over the seeds)."""
    kinds = list(rows[0].accuracies)
    heads = [f"{name}, augmented" if augmented else name for name, augmented in kinds]
    lines = [["learnt from", "SSIM", "owner found", *heads], ["---"] * (3 + len(kinds))]
    for row in rows:
        spreads = [_spread(row.accuracies[kind]) for kind in kinds]
        looks = [f"{np.mean(row.ssim):.2f}", f"{np.mean(row.owners):.2f}"]
        lines.append([row.title, *looks, *spreads])
    lines.append(["nothing: always one class", "", "", *[f"{guess:.3f}"] * len(kinds)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw(rows: list[Row], guess: float, path: Path) -> None:
    """Draw accuracy by blocks (left) and by owners found (right), augmented ones dashed."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained", sharey=True)
    for column, kind in enumerate(rows[0].accuracies):
        colour = f"C{column // 2}"
        for rounds, mark in ((1, "o"), (3, "s")):
            chosen = [row for row in rows if row.rounds == rounds]
            _curve(panels[0], [row.blocks for row in chosen], chosen, kind, colour + mark)
            _curve(panels[1], [np.mean(r.owners) for r in chosen], chosen, kind, colour + mark)
        originals = np.mean(rows[0].accuracies[kind])
        for panel in panels:
            panel.axhline(originals, color=colour, ls=_line(kind), lw=0.8)
    for panel in panels:
        panel.axhline(guess, color="grey", lw=0.8)
    panels[0].set(xscale="log", xlabel="blocks N_b", ylabel="accuracy on unmixed images")
    panels[1].set(xlabel="share of owners found", xlim=(-0.02, 1.02))
    panels[0].legend(fontsize="x-small", title="lines: originals; grey: one class")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _curve(
    panel: Axes, places: list[float], rows: list[Row], kind: tuple[str, bool], style: str
) -> None:
    reached = [row.accuracies[kind] for row in rows]
    means = np.array([np.mean(values) for values in reached])
    ends = np.array([(min(values), max(values)) for values in reached]).T
    label = f"{kind[0]}{', augmented' if kind[1] else ''}, N_t = {rows[0].rounds}"
    away = np.abs(ends - means)
    panel.errorbar(places, means, away, fmt=style, ls=_line(kind), ms=4, lw=1, label=label)


def _line(kind: tuple[str, bool]) -> str:
    return "--" if kind[1] else "-"


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
