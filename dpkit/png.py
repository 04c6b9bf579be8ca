"""PNG of 8 and 16 bits, grey and RGB.

Pillow writes all of these but 16-bit RGB, which it would reduce to 8 bits without a word; so
that one kind is put together here, from the standard's three chunks.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def encode_png(pixels: NDArray[Any]) -> bytes:
    """Encode u8 or u16 pixels [h,w,c], c 1 or 3, without loss."""
    is_grey = pixels.shape[2] == 1
    if pixels.dtype == np.uint16 and not is_grey:
        return _rgb16(pixels)
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if is_grey else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _rgb16(pixels: NDArray[np.uint16]) -> bytes:
    height, width, _ = pixels.shape
    header = struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)  # 16 bits, RGB
    lines = pixels.astype(">u2").reshape(height, -1).view(np.uint8)
    unfiltered = np.zeros((height, 1), np.uint8)
    body = zlib.compress(np.hstack([unfiltered, lines]).tobytes(), 1)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
