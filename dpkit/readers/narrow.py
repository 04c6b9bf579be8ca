"""An image in the fewest channels and bits that hold it, so that it is one image however stored.

Colour whose three channels are equal is grey; 16 bits whose values are all 257·v are 8 bits v,
as `ReadRule` widens them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDE: Final = 257  # what 8 bits are multiplied by to fill 16
_COLOUR_NDIM: Final = 3


def narrowed(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return decoded pixels, u8 or u16, [h,w] or [h,w,3], as [h,w,1] or [h,w,3], contiguous."""
    planes = pixels if pixels.ndim == _COLOUR_NDIM else pixels[..., np.newaxis]
    if (planes == planes[..., :1]).all():
        planes = planes[..., :1]
    if planes.dtype == np.uint16 and not (planes % _WIDE).any():
        planes = (planes // _WIDE).astype(np.uint8)
    return np.ascontiguousarray(planes)
