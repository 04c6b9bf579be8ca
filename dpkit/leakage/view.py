"""What a viewer would see of a released row.

Released floats are no grey levels: they have no natural black and white. A viewer has to choose,
and the usual choice is made here for each image alone: its smallest value is black, its largest
white. Another choice gives another picture and another score, so the reports state this one.
Released integers are grey levels of the originals' own depth, and nothing is left to choose.

A feature map is no picture either: it has as many channels as its layer has kernels, and sides of
its own. It is seen in grey as the mean of its channels, each on its own scale, enlarged to the
image's size. A small grid of grey levels is a picture, and is only enlarged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

VIEW: Final = (
    "Each released image is shown on its own scale: its smallest value black, its largest value "
    "white, everything between in proportion. An image of one value is shown black."
)
GREY_VIEW: Final = (
    "Released values are grey levels and are shown as they are: 0 is black, the largest grey "
    "level white; no image is put on a scale of its own."
)


PICTURE_CHANNELS: Final = (1, 3)
MAP_VIEW: Final = (
    "Released rows are feature maps: each is shown in grey, as the mean of its channels, each "
    "channel on its own scale, enlarged to the image's size, its smallest value black, its largest "
    "white."
)
_ENLARGED: Final = "A smaller grid is enlarged to the image's size."


def are_grey_levels(dtype: DTypeLike) -> bool:
    """Say whether released values of this type are grey levels: integers are, floats are not."""
    return np.issubdtype(np.dtype(dtype), np.integer)


def view_of(dtype: DTypeLike, *, as_maps: bool = False) -> str:
    """Return the sentence that says how values of this type are shown, feature maps or images."""
    if are_grey_levels(dtype):
        return f"{GREY_VIEW} {_ENLARGED}" if as_maps else GREY_VIEW
    return MAP_VIEW if as_maps else VIEW


def are_maps(row: tuple[int, ...], image: tuple[int, ...]) -> bool:
    """Say whether released rows (c, h, w) are feature maps of images (h, w, c)."""
    height, width, channels = image
    return tuple(row) != (channels, height, width)


def flattened(maps: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return feature maps [n,β,·,·] as grey pictures [n,1,h,w]: the mean of their channels."""
    low = maps.min(axis=(2, 3), keepdims=True).astype(np.float32)
    span = maps.max(axis=(2, 3), keepdims=True).astype(np.float32) - low
    share = np.divide(maps - low, span, out=np.zeros(maps.shape, np.float32), where=span > 0)
    mean = share.mean(axis=1, dtype=np.float32)
    bilinear = Image.Resampling.BILINEAR
    views = [np.asarray(Image.fromarray(one).resize(size[::-1], bilinear)) for one in mean]
    return np.stack(views)[:, np.newaxis]


def enlarged(grids: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return smaller pictures [n,c,·,·] at the image's size [n,c,h,w]: each value is repeated."""
    down, across = (np.arange(to) * of // to for to, of in zip(size, grids.shape[2:], strict=True))
    return np.asarray(grids[:, :, down][:, :, :, across])


def viewed(values: NDArray[Any], peak: int) -> NDArray[np.float64]:
    """Return released values [n,c,h,w] as a viewer sees them, [n,h,w,c], 0 to `peak`.

    Integers (u8, u16) go from the largest of their type to `peak`: at the peak of their own depth
    they stay what they are.
    """
    if are_grey_levels(values.dtype):
        gain = peak / np.iinfo(values.dtype).max
        return np.asarray(np.moveaxis(values, 1, -1) * gain, dtype=np.float64)
    low = values.min(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    span = values.max(axis=(1, 2, 3), keepdims=True).astype(np.float64) - low
    gains = np.divide(float(peak), span, out=np.zeros_like(span), where=span != 0)
    return np.asarray(np.moveaxis((values - low) * gains, 1, -1), dtype=np.float64)


def picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return one released row [c,h,w] as an 8-bit picture [h,w,c]; a feature map in grey."""
    if values.shape[0] not in PICTURE_CHANNELS:
        values = flattened(values[None], values.shape[1:])[0]
    return np.asarray(np.rint(viewed(values[None], 255)[0]), dtype=np.uint8)
