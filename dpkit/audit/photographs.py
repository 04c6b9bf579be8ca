"""Pictures that everybody has: crops of the photographs that come with scikit-image.

PUBLIC     stand for the pictures of another kind that an adversary can find
PRIVATE    stand for the originals in controls; no photograph is in both lists
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Geometry

PUBLIC: Final = ("rocket", "retina", "immunohistochemistry", "coins", "grass", "hubble_deep_field")
PRIVATE: Final = ("astronaut", "chelsea", "coffee", "camera", "brick", "page")
LEAST_EXTENT: Final = 0.25  # of the shorter side of a photograph


def crops(
    names: tuple[str, ...], count: int, geometry: Geometry, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return crops of different place and extent, u8 or u16 [n,h,w,c], and which photograph [n]."""
    mode = "L" if geometry.channels == 1 else "RGB"
    whole = [Image.fromarray(getattr(skimage.data, name)()).convert(mode) for name in names]
    which = np.arange(count) % len(names)
    found = np.stack([_crop(whole[i], geometry, rng) for i in which])
    pixels = found.reshape(count, geometry.height, geometry.width, geometry.channels)
    return pixels.astype(geometry.pixel_dtype) * (geometry.peak // 255), which


def _crop(picture: Image.Image, geometry: Geometry, rng: np.random.Generator) -> NDArray[np.uint8]:
    aspect = geometry.width / geometry.height
    tallest = min(picture.height, picture.width / aspect)
    high = tallest * rng.uniform(LEAST_EXTENT, 1.0)
    wide = high * aspect
    left, top = rng.uniform(0, picture.width - wide), rng.uniform(0, picture.height - high)
    box = (left, top, left + wide, top + high)
    size = (geometry.width, geometry.height)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, box, reducing_gap=3.0))
