"""Pixelation with exact noise against the same by numpy's floating-point Laplace.

The reference takes the mean of each cell, adds `Generator.laplace`, clips, rounds and repeats. That
is how it is usually written, and it is not private: whoever finds the generator's state has all its
noise, and the last bits of such numbers tell the mean. The ratio is the price of exact draws from a
ChaCha20 stream an image; the smaller the cells, the more of them there are.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (in the signature every bench shares)
from typing import TYPE_CHECKING

import numpy as np

from bench.harness import Figure, speed_ratio
from dpkit.sanitizers.pixelate import Pixelate
from dpkit.types import Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASES = ((32, 2, 2048), (64, 8, 1024), (224, 16, 128))  # side, cell, images
EPSILON = 2.0


def run(_folder: Path) -> list[Figure]:
    return [_against_numpy(*case) for case in CASES]


def _against_numpy(side: int, cell: int, images: int) -> Figure:
    geometry, scheme = Geometry(3, side, side, 8), Pixelate(cell=cell, epsilon=EPSILON)
    shape = (images, side, side, 3)
    pixels = np.random.default_rng(side).integers(0, 256, shape, dtype=np.uint8)
    ids = np.array([f"{row:026d}" for row in range(images)], dtype="S26")
    batch = ImageBatch(pixels, np.zeros(images, np.int64), ids, ids)
    key, out = scheme.fit(geometry, Secret(bytes(32))), np.empty((images, 3, side, side), np.uint8)
    scale = float(scheme.scale(geometry)) / cell**2
    rng = np.random.default_rng(0)
    ratio, theirs, ours = speed_ratio(
        lambda: by_numpy(pixels, cell, scale, rng),
        lambda: scheme.apply(batch, key, geometry, out),
    )
    return Figure(
        "pixelate", f"{side}x{side}x3, b {cell} / numpy's Laplace", ratio, "times speed",
        detail=f"{images / ours:.0f} against {images / theirs:.0f} images/cpu-s",
    )  # fmt: skip


def by_numpy(
    pixels: NDArray[np.uint8], cell: int, scale: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return noisy cells as pixels [n,c,h,w] of pixels [n,h,w,c] that cells divide."""
    n, side, _, channels = pixels.shape
    cut = pixels.reshape(n, side // cell, cell, side // cell, cell, channels)
    means = cut.mean(axis=(2, 4))
    noisy = np.rint(np.clip(means + rng.laplace(0, scale, means.shape), 0, 255)).astype(np.uint8)
    planes = np.ascontiguousarray(np.moveaxis(noisy, -1, 1))
    return planes.repeat(cell, axis=2).repeat(cell, axis=3)
