"""The photographs inside scikit-image, cropped square and shrunk, and how a release is viewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import skimage.data
from PIL import Image
from skimage.metrics import structural_similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry")


def photographs(size: int) -> NDArray[np.uint8]:
    """Return all photographs, u8 [6,size,size,3]."""
    return np.stack([_square(getattr(skimage.data, name)(), size) for name in NAMES])


def view(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the picture [h,w,c] that a viewer shows of values [c,h,w]: each image min to max."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values.transpose(1, 2, 0) - low) * (255 / (high - low))).astype(np.uint8)


def ssim(original: NDArray[np.uint8], picture: NDArray[np.uint8]) -> float:
    """Return the SSIM of two pictures u8 [h,w,c], by scikit-image with Wang's settings."""
    return float(
        structural_similarity(
            original,
            picture,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _square(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    side = min(picture.shape[:2])
    top, left = ((extent - side) // 2 for extent in picture.shape[:2])
    square = Image.fromarray(picture[top : top + side, left : left + side])
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
