"""Folders of real photographs to work on: crops of what ships with scikit-image, as JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "immunohistochemistry")
QUALITY = 90


def jpeg_folder(folder: Path, images: int, height: int, width: int) -> Path:
    """Write `images` different crops of height x width in five classes, and return the folder."""
    rng = np.random.default_rng(7)
    photographs = {name: _photograph(name, height, width) for name in PHOTOGRAPHS}
    for name in PHOTOGRAPHS:
        (folder / name).mkdir(parents=True)
    for i in range(images):
        name = PHOTOGRAPHS[i % len(PHOTOGRAPHS)]
        photograph = photographs[name]
        left = int(rng.integers(0, photograph.width - width + 1))
        top = int(rng.integers(0, photograph.height - height + 1))
        piece = photograph.crop((left, top, left + width, top + height))
        piece.save(folder / name / f"crop_{i:06}.jpg", quality=QUALITY)
    return folder


def jpeg_crops(of_a_class: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return square crops of each photograph, u8 [n,side,side,3], and their classes."""
    rng = np.random.default_rng(7)
    pieces = []
    for name in PHOTOGRAPHS:
        photograph = np.asarray(_photograph(name, side, side))
        high, wide = photograph.shape[0] - side, photograph.shape[1] - side
        for top, left in rng.integers(0, (high + 1, wide + 1), (of_a_class, 2)):
            pieces.append(photograph[top : top + side, left : left + side])
    return np.stack(pieces), np.repeat(np.arange(len(PHOTOGRAPHS)), of_a_class)


def _photograph(name: str, height: int, width: int) -> Image.Image:
    """Return a photograph, enlarged where a crop would not fit with room to move."""
    whole = Image.fromarray(getattr(skimage.data, name)())
    scale = max(1.1 * height / whole.height, 1.1 * width / whole.width, 1.0)
    size = (round(whole.width * scale), round(whole.height * scale))
    return whole.resize(size, Image.Resampling.LANCZOS)
