from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import skimage.transform

from dpkit.types import Geometry, ImageBatch


def batch_of(pixels):
    n = len(pixels)
    ids = np.array([f"{i:026d}" for i in range(n)], dtype="S26")
    return ImageBatch(pixels, np.zeros(n, np.int64), ids, ids)


@pytest.fixture(scope="session")
def photographs():
    """Four real photographs, u8 [4,64,64,3]."""
    sources = (
        skimage.data.astronaut(),
        skimage.data.chelsea(),
        skimage.data.coffee(),
        skimage.data.rocket(),
    )
    small = [skimage.transform.resize(p, (64, 64), anti_aliasing=True) for p in sources]
    return np.rint(255 * np.stack(small)).astype(np.uint8)


@pytest.fixture(scope="session")
def photograph_geometry():
    return Geometry(3, 64, 64, 8)
