"""Bringing an image to the one size: pad, crop or stretch, antialiased.

The filter is Pillow's bilinear (a triangle as wide as the reduction, so every source pixel
counts). 8-bit images use its fixed-point arithmetic; 16-bit ones go channel by channel as
32-bit floats, which hold 16-bit values exactly, and are rounded to the nearest: Pillow's own
way through 16-bit modes depends on its version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fit: TypeAlias = Literal["none", "pad", "crop", "stretch"]
RESAMPLING: Final = "bilinear, antialiased"
PAD_VALUE: Final = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the source goes: `box` of it, scaled to `size`, at `origin` of the target.

    `box` is (left, top, right, bottom) in source pixels, fractions allowed; `size` and
    `origin` are (height, width) and (top, left) in target pixels.
    """

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    origin: tuple[int, int]


def place(source: tuple[int, int], target: tuple[int, int], fit: Fit) -> Placement:
    """Return the placement of a `source` of (height, width) in `target`.

    `pad` shows all of the source, centred, the rest is left free; `crop` fills the target and
    loses the two outer margins of the longer side; `stretch` does neither and bends shapes.
    """
    height, width = source
    whole = (0.0, 0.0, float(width), float(height))
    if fit == "pad":
        size = _inner(source, target)
        return Placement(whole, size, ((target[0] - size[0]) // 2, (target[1] - size[1]) // 2))
    if fit == "crop":
        return Placement(_middle(source, target), target, (0, 0))
    return Placement(whole, target, (0, 0))


def _inner(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Return the largest (height, width) of the source's shape within the target, at least 1."""
    (h, w), (th, tw) = source, target
    if th * w <= tw * h:  # the height is the tighter side
        return th, max(1, (w * th + h // 2) // h)
    return max(1, (h * tw + w // 2) // w), tw


def _middle(source: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest centred box of the target's shape within the source."""
    (h, w), (th, tw) = source, target
    box_width = min(float(w), h * tw / th)
    box_height = min(float(h), w * th / tw)
    left, top = (w - box_width) / 2, (h - box_height) / 2
    return left, top, left + box_width, top + box_height


def resize(pixels: NDArray[Any], target: tuple[int, int], fit: Fit) -> NDArray[Any]:
    """Return `pixels` u8 or u16 [h,w] or [h,w,c] at the (height, width) of `target`."""
    source = (pixels.shape[0], pixels.shape[1])
    if source == target:
        return pixels
    placement = place(source, target, fit)
    scaled = _resample(pixels, placement)
    if placement.size == target:
        return scaled
    out = np.full((*target, *pixels.shape[2:]), PAD_VALUE, pixels.dtype)
    top, left = placement.origin
    out[top : top + placement.size[0], left : left + placement.size[1]] = scaled
    return out


def _resample(pixels: NDArray[Any], placement: Placement) -> NDArray[Any]:
    if pixels.dtype == np.uint8:
        return _filtered(pixels, placement)
    if pixels.ndim == 2:  # noqa: PLR2004 (one channel)
        rounded: NDArray[np.float32] = np.rint(_filtered(pixels.astype(np.float32), placement))
        return rounded.astype(np.uint16)
    channels = [_resample(pixels[..., c], placement) for c in range(pixels.shape[2])]
    return np.stack(channels, axis=-1)


def _filtered(pixels: NDArray[Any], placement: Placement) -> NDArray[Any]:
    height, width = placement.size
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, placement.box))
