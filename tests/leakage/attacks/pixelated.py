"""A provider who pixelates: means of cells, Laplace noise, and grey levels again."""

from functools import cache

import numpy as np

from dpkit.types import Geometry
from dpkit.types.adversary import AdversaryView
from tests.leakage.attacks.setting import pictures

taken = cache(pictures)  # reading photographs is slow


def pixelated(*, epsilon, cell=4, neighborhood=16, n=40, side=64, channels=1, enlarge=False):
    """Return the originals u8 [n,side,side,channels] and the view of who got the release."""
    rng = np.random.default_rng(3)
    originals = taken(n, side, channels)
    cells = side // cell
    means = originals.reshape(n, cells, cell, cells, cell, channels).mean(axis=(2, 4))
    noisy = means + rng.laplace(0, 255 * neighborhood / (cell**2 * epsilon), means.shape)
    values = np.moveaxis(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), -1, 1)
    if enlarge:
        values = values.repeat(cell, axis=2).repeat(cell, axis=3)
    view = AdversaryView(
        values,
        Geometry(channels, side, side, 8),
        "pixelate",
        {"cell": cell, "epsilon": epsilon, "neighborhood": neighborhood},
        np.array([[1.0] * channels, [0.0] * channels]),
    )
    return originals, view
