import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dpkit.png import encode_png

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(5, 7, 1), (5, 7, 3), (1, 1, 3)])
def test_8_bit_pixels_come_back_through_pillow(shape):
    pixels = RNG.integers(0, 256, shape, np.uint8)
    opened = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))
    assert np.array_equal(opened.reshape(shape), pixels)


def test_16_bit_grey_comes_back_through_pillow():
    pixels = RNG.integers(0, 65536, (6, 4, 1), np.uint16)
    opened = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))
    assert np.array_equal(opened, pixels[:, :, 0])


def test_16_bit_rgb_keeps_its_low_bytes():
    """Pillow shows the high bytes of such a file; the low ones are read from its only chunk."""
    pixels = RNG.integers(0, 65536, (6, 4, 3), np.uint16)
    encoded = encode_png(pixels)
    high = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    assert np.array_equal(high, (pixels >> 8).astype(np.uint8))
    start = encoded.index(b"IDAT")
    (length,) = struct.unpack(">I", encoded[start - 4 : start])
    lines = zlib.decompress(encoded[start + 4 : start + 4 + length])
    rows = np.frombuffer(lines, np.uint8).reshape(6, 1 + 24)[:, 1:]
    assert np.array_equal(np.ascontiguousarray(rows).view(">u2").reshape(6, 4, 3), pixels)
