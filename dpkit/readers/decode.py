"""Bytes to pixels as the file means them: upright, without metadata, transparency on the matte.

Usual JPEGs are decoded by simplejpeg (`jpeg.py`), all else by Pillow; both release the
interpreter lock. Colour profiles are ignored. libtiff may write its complaints to the
process's second file descriptor, past Python; nothing here depends on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UnreadableImageError
from dpkit.readers.formats import open_image, read_header, summary
from dpkit.readers.jpeg import decode_plain, read_plain
from dpkit.readers.orientation import orient

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_TRUE_COLOUR: Final = {"CMYK", "YCbCr", "PA"}
# A PNG's transparent grey is given in the file's bits; Pillow scales the pixels, but not it.
_GREY_SCALE: Final = {"L;2": 85, "L;4": 17}


def decode_pixels(content: bytes, *, matte: int, reduce_deep: bool = False) -> NDArray[Any]:
    """Return the pixels of one image file, u8 or u16, grey [h,w] or RGB [h,w,3].

    Parameters
    ----------
    matte
        Grey level 0 to 255 under transparent pixels.
    reduce_deep
        Accept 16-bit colour as the high byte of each value: Pillow can give no more.

    Raises
    ------
    UnreadableImageError
        The bytes are no image that can be read whole; the message is the reason.
    """
    pixels = _usual_jpeg(content)
    if pixels is not None:
        return pixels
    image, header = open_image(content)
    if header.is_reduced and not reduce_deep:
        raise UnreadableImageError("16-bit colour or transparency, which only --depth 8 reads")
    try:
        image.load()
        pixels = _pixels(image, header.raw_mode, matte)
    except Exception as error:  # noqa: BLE001 (whatever a decoder says of hostile bytes, it is one bad file)
        raise UnreadableImageError(f"cannot be decoded ({summary(error)})") from None
    if header.channels == 1 and pixels.ndim == 3:  # noqa: PLR2004 (a grey palette or grey with alpha)
        pixels = np.ascontiguousarray(pixels[..., 0])
    return orient(pixels, header.orientation)


def _usual_jpeg(content: bytes) -> NDArray[np.uint8] | None:
    """Decode a usual JPEG; None where Pillow has to look."""
    plain = read_plain(content)
    if plain is None:
        return None
    orientation = read_header(content).orientation
    pixels = decode_plain(content, plain)
    return None if pixels is None else orient(pixels, orientation)


def _pixels(image: ImageFile, raw_mode: str, matte: int) -> NDArray[Any]:
    transparent = image.info.get("transparency")
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        return _keyed(deep, transparent, matte * 257)
    if image.mode == "P":
        return _over(image.convert("RGB" if transparent is None else "RGBA"), matte)
    if image.mode in {"LA", "RGBA"}:
        return _over(image, matte)
    if image.mode in _TRUE_COLOUR:
        return _over(image.convert("RGBA" if image.mode == "PA" else "RGB"), matte)
    if image.mode == "1":  # there alone Pillow scales it, to 0 or 255
        return _keyed(np.asarray(image) * np.uint8(255), transparent, matte)
    pixels = np.asarray(image)
    if isinstance(transparent, int):
        transparent *= _GREY_SCALE.get(raw_mode, 1)
    return _keyed(pixels, transparent, matte)


def _keyed(pixels: NDArray[Any], transparent: object, matte: int) -> NDArray[Any]:
    """Put the matte where a pixel has the one transparent value: an int, or (r, g, b)."""
    if transparent is None:
        return pixels
    hidden = pixels == np.asarray(transparent)
    if pixels.ndim == 3:  # noqa: PLR2004 (colour: all three must match)
        hidden = hidden.all(axis=-1, keepdims=True)
    return np.where(hidden, pixels.dtype.type(matte), pixels)


def _over(image: Image, matte: int) -> NDArray[np.uint8]:
    """Lay an image with or without an alpha channel over the matte: (a·v + (255-a)·m) / 255."""
    pixels = np.asarray(image)
    if not image.mode.endswith("A"):
        return pixels
    colours, alpha = pixels[..., :-1], pixels[..., -1:].astype(np.uint16)
    mixed: NDArray[np.uint16] = alpha * colours  # at most 255², with the rest: 16 bits suffice
    mixed += (255 - alpha) * np.uint16(matte) + np.uint16(127)
    flat = (mixed // 255).astype(np.uint8)
    return flat[..., 0] if image.mode == "LA" else flat
