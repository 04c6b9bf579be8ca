"""A provider who pixelates, in plain floating point: means of cells, Laplace noise, grey levels."""

from functools import cache

import numpy as np

from dpkit.types import Geometry
from dpkit.types.adversary import AdversaryView
from tests.leakage.attacks.setting import pictures

taken = cache(pictures)  # reading photographs is slow


def means_of(pixels, cell):
    """Return the means of cells [n,c,y,x] of pixels [n,h,w,c], and the pixels of each cell."""
    down, across = (np.arange(0, side, cell) for side in pixels.shape[1:3])
    sums, ones = (
        np.add.reduceat(np.add.reduceat(of, down, axis=1), across, axis=2)
        for of in (pixels.astype(float), np.ones((1, *pixels.shape[1:3], 1)))
    )
    return np.moveaxis(sums / ones, -1, 1), ones[0, ..., 0]


def pixelated(  # as many words as the command has
    *, epsilon, cell=4, neighborhood=16, n=40, side=64, channels=1, per_channel=False, enlarge=False
):
    """Return the originals u8 [n,side,side,channels] and the view of who got the release."""
    rng = np.random.default_rng(3)
    originals = taken(n, side, channels)
    means, areas = means_of(originals, cell)
    shares = 1 if per_channel else channels
    noisy = means + rng.laplace(0, 255 * neighborhood * shares / (areas * epsilon), means.shape)
    values = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if enlarge:
        values = values.repeat(cell, axis=2).repeat(cell, axis=3)[:, :, :side, :side]
    view = AdversaryView(
        values,
        Geometry(channels, side, side, 8),
        "pixelate",
        {
            "cell": cell,
            "epsilon": epsilon,
            "neighborhood": neighborhood,
            "per_channel": per_channel,
        },
        np.array([[1.0] * channels, [0.0] * channels]),
    )
    return originals, view
