"""MoLe's Fig. 7: how much a morphed 128x128 image looks like its original, by κ and core law.

The paper prints 0.93, 0.77, 0.24 and 0.02 for κ = 6144, 1536, 16 and 1, and names neither the
law of its core, nor the scaling of its pictures, nor its images: the figures can be set beside
each other, not reproduced. Here a picture is each image's own range, from its least value to
its greatest, and SSIM has Wang's settings.

At κ = 1 the core has 49152² elements, 18 GiB, and is never held: its rows are drawn and used in
strips (gaussian, uniform). For the orthogonal law, D = LU with orthonormal rows U, and U times
a Haar matrix is a random orthonormal frame, so T has the law of L times such a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from bench.harness import Figure
from bench.pictures import photographs, ssim, view
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PAPER = {6144: 0.93, 1536: 0.77, 16: 0.24, 1: 0.02}
LAWS = ("uniform", "gaussian", "orthogonal")
SIZE = 128
_STRIP = 512  # rows of the core drawn at once


def run(folder: Path) -> list[Figure]:
    originals = photographs(SIZE)
    views = {(law, kappa): _views(originals, law, kappa) for law in LAWS for kappa in PAPER}
    scores = {
        case: [ssim(*pair) for pair in zip(originals, seen, strict=True)]
        for case, seen in views.items()
    }
    means = {case: float(np.mean(found)) for case, found in scores.items()}
    _plot(means, folder / "fig7.png")
    _grid(originals[0], {case: seen[0] for case, seen in views.items()}, folder / "fig7-views.png")
    return [
        Figure(
            "fig7",
            f"{law}, kappa {kappa} (q {3 * SIZE**2 // kappa})",
            means[law, kappa],
            "SSIM",
            detail=f"{min(found):.2f} to {max(found):.2f}; the paper prints {PAPER[kappa]}",
        )
        for (law, kappa), found in scores.items()
    ]


def _views(originals: NDArray[np.uint8], law: str, kappa: int) -> list[NDArray[np.uint8]]:
    if kappa == 1:
        rows = (originals / np.float32(255)).transpose(0, 3, 1, 2).reshape(len(originals), -1)
        values = _full_core(rows, law).reshape(-1, 3, SIZE, SIZE)
        return [view(image) for image in values]
    geometry, none = Geometry(3, SIZE, SIZE, 8), np.zeros(len(originals), "S26")
    morph = Morph(kappa=kappa, core=law)
    key = morph.fit(geometry, Secret(bytes(range(32))))
    batch = ImageBatch(originals, none, none, none)
    return [view(image) for image in morph.apply(batch, key, geometry).values]


def _full_core(rows: NDArray[Any], law: str) -> NDArray[Any]:
    """Return rows [n,N] times a core [N,N] of the law, without ever holding the core."""
    rng = np.random.default_rng(7)
    n, length = rows.shape
    if law == "orthogonal":
        lower = np.linalg.qr(rows.T)[1].T
        return lower @ np.linalg.qr(rng.standard_normal((length, n)))[0].T
    draw = rng.random if law == "uniform" else rng.standard_normal
    total = np.zeros((n, length), np.float32)
    for start in range(0, length, _STRIP):
        strip = draw((min(_STRIP, length - start), length), dtype=np.float32)
        total += rows[:, start : start + _STRIP] @ strip
    return total


def _plot(means: dict[tuple[str, int], float], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    kappas = list(PAPER)
    for law in LAWS:
        axes.plot(kappas, [means[law, kappa] for kappa in kappas], "o-", label=f"{law} core")
    axes.plot(kappas, list(PAPER.values()), "k--", label="printed in the paper")
    axes.set(xscale="log", xlabel="κ", ylabel="mean SSIM, each image's own range")
    axes.invert_xaxis()
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _grid(
    original: NDArray[np.uint8], views: dict[tuple[str, int], NDArray[np.uint8]], path: Path
) -> None:
    figure, axes = plt.subplots(len(LAWS), 1 + len(PAPER), figsize=(10, 6), layout="constrained")
    for line, law in zip(axes, LAWS, strict=True):
        pictures = {"original": original, **{f"κ {k}": views[law, k] for k in PAPER}}
        for place, (title, picture) in zip(line, pictures.items(), strict=True):
            place.imshow(picture)
            place.set(title=title, xticks=[], yticks=[])
        line[0].set_ylabel(law)
    figure.savefig(path, dpi=120)
    plt.close(figure)
