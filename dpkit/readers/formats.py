"""Which bytes are an image, and what its header says: the allow-list and its refusals.

The six formats are told by their first bytes, never by name, and only these six of Pillow's
parsers ever see a file. Pillow's plugins are called directly: `Image.open` would try others
and follow the extra pictures of a multi-picture JPEG, of which the first is the photograph.

What Pillow would read wrongly without a word is refused here, each found by trial:
16-bit TIFF with white as zero (not inverted), deep TIFF in colour planes (garbage), signed
samples (read as unsigned), a transparent colour in 16-bit colour PNG (compared with 8 bits).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from dpkit.errors import UnreadableImageError
from dpkit.readers.jpeg import may_have_exif, read_plain
from dpkit.readers.orientation import TRANSPOSED, UPRIGHT, read_orientation

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageFile import ImageFile

MAX_PIXELS: Final = 89_478_485  # where Pillow starts to warn of a decompression bomb
MAX_SIDE: Final = 65535  # as `Geometry`

_GREY_MODES: Final = frozenset({"1", "L", "LA", "I;16", "I;16B"})
_MODES: Final = _GREY_MODES | {"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
_TIFF_DEPTHS: Final = frozenset({1, 2, 4, 8, 16})
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANES, _TIFF_SAMPLES = 258, 262, 284, 339


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Parameters
    ----------
    height, width
        Pixels, after orientation.
    channels
        1 (grey) or 3 (colour).
    depth
        8 or 16 bits.
    orientation
        1 to 8, still to be applied to the decoded pixels.
    raw_mode
        Pillow's name of the stored layout, such as `L;4` or `RGB;16B`.
    """

    height: int
    width: int
    channels: int
    depth: int
    orientation: int
    raw_mode: str

    @property
    def is_reduced(self) -> bool:
        """True where the file has 16 bits of which Pillow gives only the high 8."""
        return self.depth == 16 and not self.raw_mode.startswith("I;16")  # noqa: PLR2004 (bits)


def read_header(content: bytes) -> Header:
    """Return the header of the image that `content` holds, by the shortest way.

    Raises
    ------
    UnreadableImageError
        As `open_image`.
    """
    plain = read_plain(content)
    if plain is None or may_have_exif(content):
        return open_image(content)[1]
    _check_size(plain.height, plain.width)
    channels = 1 if plain.is_grey else 3
    return Header(plain.height, plain.width, channels, 8, UPRIGHT, "L" if plain.is_grey else "RGB")


def open_image(content: bytes) -> tuple[ImageFile, Header]:
    """Open the image that `content` holds and read its header; no pixel is decoded.

    Raises
    ------
    UnreadableImageError
        Not one of the formats, or one that `docs/reading.md` refuses.
    """
    opener = _opener(content)
    try:
        image = opener(io.BytesIO(content))
        header = _header(image, content)
    except UnreadableImageError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a parser says of hostile bytes, it is one bad file)
        raise UnreadableImageError(f"broken header ({summary(error)})") from None
    return image, header


def summary(error: Exception) -> str:
    """Return a short text of a decoder's complaint, for the quarantine list."""
    return str(error)[:100] or type(error).__name__


def _opener(content: bytes) -> Callable[[io.BytesIO], ImageFile]:
    start = content[:12]
    if start.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if start.startswith((b"II*\0", b"MM\0*")):
        return TiffImageFile
    if start.startswith((b"GIF87a", b"GIF89a")):
        return GifImageFile
    if start.startswith(b"BM"):
        return BmpImageFile
    if start.startswith(b"RIFF") and start.endswith(b"WEBP"):
        return WebPImageFile
    raise UnreadableImageError("not a JPEG, PNG, TIFF, BMP, WebP or GIF image")


def _header(image: ImageFile, content: bytes) -> Header:
    width, height = image.size
    _check_size(height, width)
    if getattr(image, "is_animated", False):
        raise UnreadableImageError("more than one frame or page")
    if image.mode not in _MODES:
        raise UnreadableImageError(f"pixels of mode {image.mode}, which have no stated range")
    raw_mode = _raw_mode(image)
    depth = 16 if ";16" in raw_mode else 8
    if isinstance(image, TiffImageFile):
        depth = _tiff_depth(image)
    channels = 1 if _is_grey(image, raw_mode) else 3
    if depth == 16 and channels == 3 and "transparency" in image.info:  # noqa: PLR2004 (bits, channels)
        raise UnreadableImageError("16-bit colour with a transparent colour")
    orientation = _orientation(image, content)
    if orientation in TRANSPOSED:
        height, width = width, height
    return Header(height, width, channels, depth, orientation, raw_mode)


def _check_size(height: int, width: int) -> None:
    if min(height, width) < 1:
        raise UnreadableImageError("no pixels")
    if height * width > MAX_PIXELS:
        raise UnreadableImageError(f"{height * width} pixels, above the limit of {MAX_PIXELS}")
    if max(height, width) > MAX_SIDE:
        raise UnreadableImageError(f"{height}x{width} pixels, above {MAX_SIDE} a side")


def _raw_mode(image: ImageFile) -> str:
    """Return the layout of the first tile; formats without one (WebP, GIF) decode to `mode`."""
    arguments = image.tile[0][3] if image.tile else None
    if isinstance(arguments, tuple):
        arguments = arguments[0]
    return arguments if isinstance(arguments, str) else image.mode


def _tiff_depth(image: TiffImageFile) -> int:
    tags = image.tag_v2
    bits = set(tags.get(_TIFF_BITS, (1,)))
    if not bits <= _TIFF_DEPTHS or len(bits) != 1:
        raise UnreadableImageError(f"TIFF samples of {sorted(bits)} bits")
    if set(tags.get(_TIFF_SAMPLES, (1,))) != {1}:
        raise UnreadableImageError("TIFF samples that are not unsigned integers")
    if bits != {16}:
        return 8
    if tags.get(_TIFF_PHOTOMETRIC) == 0:
        raise UnreadableImageError("16-bit TIFF with white as zero")
    if tags.get(_TIFF_PLANES, 1) != 1:
        raise UnreadableImageError("16-bit TIFF in separate colour planes")
    return 16


def _is_grey(image: ImageFile, raw_mode: str) -> bool:
    if image.mode in {"P", "PA"}:
        return _has_grey_palette(image)
    return image.mode in _GREY_MODES or raw_mode.startswith("LA")


def _has_grey_palette(image: ImageFile) -> bool:
    """Say whether every palette entry is grey; a layout unknown here counts as colour."""
    palette = image.palette
    step = {"RGB": 3, "BGR": 3, "BGRX": 4}.get(palette.rawmode or palette.mode) if palette else None
    if palette is None or step is None:
        return False
    entries = bytes(palette.palette)
    return entries[0::step] == entries[1::step] == entries[2::step]


def _orientation(image: ImageFile, content: bytes) -> int:
    """Return what is left to apply: Pillow turns TIFF pixels itself while it loads them."""
    if isinstance(image, TiffImageFile):
        return UPRIGHT
    exif = image.info.get("exif")
    if exif is None and isinstance(image, PngImageFile):
        exif = _late_png_exif(content)
    return read_orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def _late_png_exif(content: bytes) -> bytes:
    """Return the eXIf chunk that may follow the pixels, where Pillow's header does not reach."""
    start = content.rfind(b"eXIf")
    if start < 4:  # noqa: PLR2004 (a chunk's length stands in the four bytes before its name)
        return b""
    length = int.from_bytes(content[start - 4 : start], "big")
    return content[start + 4 : start + 4 + length]
