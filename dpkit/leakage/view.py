"""What a viewer would see of a released row.

Released values are no grey levels: they have no natural black and white. A viewer has to choose,
and the usual choice is made here for each image alone: its smallest value is black, its largest
white. Another choice gives another picture and another score, so the reports state this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VIEW: Final = (
    "Each released image is shown on its own scale: its smallest value black, its largest value "
    "white, everything between in proportion. An image of one value is shown black."
)


def viewed(values: NDArray[Any], peak: int) -> NDArray[np.float64]:
    """Return released values [n,c,h,w] as a viewer sees them, [n,h,w,c], 0 to `peak`."""
    low = values.min(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    span = values.max(axis=(1, 2, 3), keepdims=True).astype(np.float64) - low
    gain = np.divide(float(peak), span, out=np.zeros_like(span), where=span != 0)
    return np.asarray(np.moveaxis((values - low) * gain, 1, -1), dtype=np.float64)


def picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return one released row [c,h,w] as an 8-bit picture [h,w,c]."""
    return np.asarray(np.rint(viewed(values[None], 255)[0]), dtype=np.uint8)
