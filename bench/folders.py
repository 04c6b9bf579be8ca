"""Folders of real photographs to work on: crops of what ships with scikit-image, as JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

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


def _photograph(name: str, height: int, width: int) -> Image.Image:
    """Return a photograph, enlarged where a crop would not fit with room to move."""
    whole = Image.fromarray(getattr(skimage.data, name)())
    scale = max(1.1 * height / whole.height, 1.1 * width / whole.width, 1.0)
    size = (round(whole.width * scale), round(whole.height * scale))
    return whole.resize(size, Image.Resampling.LANCZOS)
