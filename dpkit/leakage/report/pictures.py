"""Pictures inside a page: PNG as a data URI, small, the same bytes for the same pixels."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ReleasePicture:
    """One row of the release as a viewer sees it, u8 [h,w,1 or 3]; it has no name."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PicturePair:
    """An original beside what the developer sees of it; private.

    `original` u8 or u16 [h,w,c], `seen` u8 [h,w,c]; `scores` by metric.
    """

    original: NDArray[Any]
    seen: NDArray[np.uint8]
    name: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RecoveredPicture:
    """An original, what is seen of it, and what one adversary made of that; private.

    `original` and `recovered` u8 or u16 [h,w,1 or 3], `seen` u8 [h,w,1 or 3]; `scores` of what was
    recovered, by metric (`ssim`, `psnr`).
    """

    name: str
    original: NDArray[Any]
    seen: NDArray[np.uint8]
    recovered: NDArray[Any]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ReconstructionPictures:
    """What the best attack of one rung made of some images, the worst first; private."""

    rung: str
    title: str
    images: tuple[RecoveredPicture, ...]


def png_uri(pixels: NDArray[Any], longest: int) -> str:
    """Return u8 or u16 pixels [h,w,1 or 3] as a PNG data URI, shrunk to `longest` pixels a side.

    Shrinking averages, as an eye at a distance does. 16-bit pixels are shown by their upper
    8 bits.
    """
    shown = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    image = Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown)
    image.thumbnail((longest, longest), Image.Resampling.BOX, reducing_gap=None)
    file = BytesIO()
    image.save(file, format="PNG", optimize=False, compress_level=9)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
