"""Table IV of block mixing: SSIM by the number of blocks, and beside it who still can be found.

The paper prints SSIM from 0.356 (N_b = 4) to 0.264 (256) for WIKI with N_t = 3 and from 0.623 to
0.527 for CNBC with N_t = 1; neither set is at hand, so only the trend can be set beside. The owner
of a mixed image is found by a vote: each block votes for the originals that have it at its place,
and the image with most votes is named. SSIM falls with N_b, the share of owners found rises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from bench.folders import jpeg_crops
from bench.harness import Figure
from dpkit.leakage.metrics import score
from dpkit.sanitizers.mix import Mix
from dpkit.types import Company, Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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
            mixed = _mixed(originals, labels, Mix(Lb=length, Wb=width, Nt=rounds))
            scores = score(originals, mixed, 255)
            found = _owners_found(originals, mixed, (length, width))
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


def _mixed(originals: NDArray[np.uint8], labels: NDArray[np.int64], mix: Mix) -> NDArray[np.uint8]:
    geometry, rows = Geometry(3, SIZE, SIZE, 8), np.arange(len(originals))
    planes = np.ascontiguousarray(np.moveaxis(originals, -1, 1))
    names = np.zeros(len(rows), "S26")
    batch = ImageBatch(
        originals, labels, names, names, Company(planes, labels, rows, rows, "train"), rows
    )
    return mix.apply(batch, mix.fit(geometry, Secret(bytes(range(32)))), geometry).values


def _owners_found(
    originals: NDArray[np.uint8], mixed: NDArray[np.uint8], block: tuple[int, int]
) -> float:
    """Return the share of mixed images whose owner alone gets the most votes of their blocks."""
    (length, width), hits = block, 0
    tops, lefts = range(0, SIZE, length), range(0, SIZE, width)
    for row, image in enumerate(np.moveaxis(mixed, 1, -1)):
        same = (originals == image).all(axis=-1)
        votes = np.logical_and.reduceat(np.logical_and.reduceat(same, tops, axis=1), lefts, axis=2)
        totals = votes.sum(axis=(1, 2))
        hits += totals[row] > np.delete(totals, row).max()
    return hits / len(mixed)


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
