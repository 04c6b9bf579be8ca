"""A provider of mixed images by brute force: each block from a donor at its place, or left."""

from types import SimpleNamespace

import numpy as np
import skimage.data

from dpkit.types import Geometry
from dpkit.types.adversary import AdversaryView


def faces(n=100, side=24):
    """Return face crops of scikit-image's part of LFW, u8 [n,side,side,1]."""
    grey = skimage.data.lfw_subset()[:n, :side, :side]
    return np.rint(255 * grey).astype(np.uint8)[..., None]


def mixed_release(originals, block, *, p=0.5, rounds=1, donors=10, seed=0, copies=0):
    """Return originals, the view of a developer with a shuffled gallery, and each row's place."""
    rng = np.random.default_rng(seed)
    count, height, width, channels = originals.shape
    planes = np.moveaxis(originals, -1, 1)
    values = [_mixed(rng, planes, block, (1 - p) ** rounds, donors) for _ in range(copies + 1)]
    order = rng.permutation(count)
    view = AdversaryView(
        values[0],
        Geometry(channels, height, width, 8),
        "mix",
        {"Lb": block, "Wb": block, "Ns": donors, "Nt": rounds, "p_replace": p},
        np.array([[1 / 255] * channels, [0.0] * channels]),
        labels=np.zeros(count, np.int64),
        gallery=originals[order],
        versions=tuple(values[1:]),
    )
    return SimpleNamespace(originals=originals, view=view, truth=np.argsort(order))


def _mixed(rng, planes, block, kept, donors):
    count, _, height, width = planes.shape
    found = planes.copy()
    for row in range(count):
        others = rng.choice(np.delete(np.arange(count), row), donors, replace=False)
        for top in range(0, height, block):
            for left in range(0, width, block):
                if rng.random() >= kept:
                    window = np.s_[:, top : top + block, left : left + block]
                    found[row][window] = planes[rng.choice(others)][window]
    return found
