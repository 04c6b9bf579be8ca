"""The usual JPEG, through simplejpeg: the same pixels as Pillow's, several times faster.

Both use libjpeg-turbo's exact inverse DCT and smooth upsampling, and tests compare their bytes
over samplings, progressive and restarted files. Whatever is not usual goes to Pillow: other
colour spaces than YCbCr and grey, and files that simplejpeg finds fault with, since Pillow
forgives more and says more where it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import simplejpeg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_USUAL: Final = ("YCbCr", "Gray")


class PlainJpeg(NamedTuple):
    """The header of a usual JPEG: size as stored, and whether it is grey."""

    height: int
    width: int
    is_grey: bool


def read_plain(content: bytes) -> PlainJpeg | None:
    """Return the header if `content` is a usual JPEG, else None."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(content)
    except ValueError:
        return None
    return PlainJpeg(height, width, space == "Gray") if space in _USUAL else None


def may_have_exif(content: bytes) -> bool:
    """Say whether an EXIF block can be in the file: a search is cheaper than a parser."""
    return b"Exif\0\0" in content


def decode_plain(content: bytes, header: PlainJpeg) -> NDArray[np.uint8] | None:
    """Return the pixels as stored, [h,w] or [h,w,3]; None if anything is wrong with them."""
    try:
        pixels = simplejpeg.decode_jpeg(content, colorspace="GRAY" if header.is_grey else "RGB")
    except ValueError:
        return None
    stored: NDArray[np.uint8] = pixels[..., 0] if header.is_grey else pixels
    return stored
