"""Pixelation adds noise of a known size to cells that are alike: a Wiener filter takes it off.

    symbol   here       meaning
    y        cells      released means, with Laplace noise of variance 2 λ² [n,c,⌈h/b⌉,⌈w/b⌉]
    Y_f      waves      their cosine coefficients, the mean picture taken out
    P_f      power      mean of Y_f² over all rows and over frequencies of one length
    G_f      gains      (P_f - N) / P_f, N the noise's power

λ follows from the public parameters (`cells.py`); where cells differ in size, N is the mean.
Clipping to grey levels takes off part of the noise, so N is never more than the least P_f. What is
left is enlarged by cubic interpolation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import zoom

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.cells import Cells, unreadable
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]

ENOUGH_FOR_A_MEAN: Final = 16  # rows whose mean picture is worth taking out


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Filter the cells, and enlarge them."""
    watch, parameters = Stopwatch(), Cells.of(view)
    effort.check()
    cells = parameters.released(view)
    smooth, kept = filtered(cells, parameters.noise)
    smooth = smooth[: len(view.targets)]
    effort.check()
    shape = view.geometry
    whole = enlarged(smooth, parameters.cell)[:, :, : shape.height, : shape.width]
    images = np.clip(whole, 0, shape.peak)
    return Reconstruction(
        "smooth-pixels",
        np.moveaxis(images, 1, -1),
        {"noise": parameters.noise**0.5, "kept": kept},
        watch.seconds,
        f"Noise of {parameters.noise**0.5:.1f} grey levels a cell was filtered; "
        f"{100 * kept:.0f} % of the variation between cells was kept.",
    )


def filtered(cells: Floats, noise: float) -> tuple[Floats, float]:
    """Return cells [n,c,y,x] without noise of a variance, and the share of their energy kept."""
    each_place = (0,) if len(cells) >= ENOUGH_FOR_A_MEAN else (0, 2, 3)
    mean = cells.mean(axis=each_place, keepdims=True)
    waves = dctn(cells - mean, axes=(2, 3), norm="ortho")
    power = _by_length((waves**2).mean(axis=(0, 1)))
    of_noise = min(noise, float(power.min()))
    gains = 1 - np.divide(of_noise, power, out=np.ones_like(power), where=power > 0)
    kept = float((gains**2 * power).sum() / max(float(power.sum()), 1e-12))
    return idctn(waves * gains, axes=(2, 3), norm="ortho") + mean, kept


def enlarged(cells: Floats, cell: int) -> Floats:
    """Return cells [n,c,y,x] as pixels [n,c,yb,xb], cubic between the centres of cells."""
    if cell == 1:
        return cells
    factors = (1, 1, cell, cell)
    wide = zoom(cells, factors, order=3, mode="nearest", grid_mode=True)
    return np.asarray(wide, dtype=np.float64)


def _by_length(power: Floats) -> Floats:
    """Return power [y,x] as its mean over frequencies of about the same length."""
    height, width = power.shape
    down, across = np.arange(height) / height, np.arange(width) / width
    rings = np.rint(np.hypot(down[:, None], across) * max(height, width)).astype(np.int64)
    counts = np.maximum(np.bincount(rings.reshape(-1)), 1)
    means = np.bincount(rings.reshape(-1), power.reshape(-1)) / counts
    return np.asarray(means[rings], dtype=np.float64)


ATTACK: Final = Attack(
    name="smooth-pixels",
    title="Pixelated images with their noise filtered out",
    rung="A1",
    needs="the release",
    sanitizers=("pixelate",),
    run=run,
    unfit=unreadable,
    weak={"cell": 2, "neighborhood": 1, "epsilon": 64.0},
    is_quick=True,
)
