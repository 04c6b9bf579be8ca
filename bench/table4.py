"""Table IV of block mixing: SSIM by the number of blocks, and beside it who still can be found.

The paper prints SSIM from 0.356 (N_b = 4) to 0.264 (256) for WIKI with N_t = 3 and from 0.623 to
0.527 for CNBC with N_t = 1; neither set is at hand, so only the trend can be set beside. The owner
of a mixed image is found by a vote of its blocks (bench/owners.py). SSIM falls with N_b, the share
of owners found rises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from bench.folders import jpeg_crops
from bench.harness import Figure
from bench.owners import mixed, owners_found
from dpkit.leakage.metrics import score
from dpkit.sanitizers.mix import Mix

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 192
BLOCKS = {4: (192, 48), 16: (96, 24), 64: (24, 24), 128: (24, 12), 256: (12, 12)}
ROUNDS = (1, 3)
OF_A_CLASS = 20


def run(folder: Path) -> list[Figure]:
    originals, labels = jpeg_crops(OF_A_CLASS, SIZE)
    figures = []
    curves: dict[int, list[tuple[float, float]]] = {}
    for rounds in ROUNDS:
        for count, (length, width) in BLOCKS.items():
            mix = Mix(Lb=length, Wb=width, Nt=rounds)
            values = mixed(originals, labels, mix)
            scores = score(originals, values, 255)
            found = owners_found(originals, values, mix)
            curves.setdefault(rounds, []).append((float(scores["ssim"].mean()), found))
            kept = scores["unchanged"]
            figures.append(
                Figure(
                    "table4", f"N_b {count}, N_t {rounds}", float(scores["ssim"].mean()), "SSIM",
                    detail=f"worst {scores['ssim'].max():.2f}; unchanged {kept.mean():.0f} % "
                    f"(worst {kept.max():.0f} %); owner found {found:.2f}",
                )
            )  # fmt: skip
    _plot(curves, folder / "table4.png")
    return figures


def _plot(curves: dict[int, list[tuple[float, float]]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for rounds, points in curves.items():
        ssim, found = zip(*points, strict=True)
        left.plot(list(BLOCKS), ssim, "o-", label=f"N_t = {rounds}")
        right.plot(list(BLOCKS), found, "o-", label=f"N_t = {rounds}")
    left.set(xscale="log", xlabel="blocks N_b", ylabel="mean SSIM to the original")
    right.set(xscale="log", xlabel="blocks N_b", ylabel="share of owners found", ylim=(0, 1.05))
    left.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
