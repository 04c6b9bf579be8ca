"""Hostile bytes: whatever is done to a small real file, it decodes or is one bad image."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dpkit.errors import UnreadableImageError
from dpkit.readers.decode import decode_pixels
from dpkit.readers.formats import read_header

from .zoo import encode, exif, photograph, png

PHOTO = photograph(12, 11)
FILES = {
    "jpeg": encode(PHOTO, "JPEG"),
    "jpeg with EXIF": encode(PHOTO, "JPEG", exif=exif(6)),
    "progressive": encode(PHOTO, "JPEG", progressive=True),
    "cmyk": encode(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"),
    "png": encode(PHOTO, "PNG"),
    "palette": encode(Image.fromarray(PHOTO).quantize(8), "PNG", transparency=1),
    "deep": png(0, 16, PHOTO[..., 0].astype(np.uint16) * 257),
    "tiff": encode(PHOTO, "TIFF"),
    "lzw": encode(PHOTO, "TIFF", compression="tiff_lzw"),
    "bmp": encode(PHOTO, "BMP"),
    "gif": encode(PHOTO, "GIF"),
    "webp": encode(PHOTO, "WEBP"),
}


def read(content):
    with warnings.catch_warnings():  # Pillow's, on broken TIFF directories
        warnings.simplefilter("ignore")
        try:
            pixels = decode_pixels(content, matte=255, reduce_deep=True)
        except UnreadableImageError as error:
            return str(error)
        header = read_header(content)
    assert pixels.shape[:2] == (header.height, header.width)
    assert pixels.dtype in (np.uint8, np.uint16)
    assert pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    return pixels


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_an_image_or_a_reason(name):
    content = FILES[name]
    outcomes = [read(content[:end]) for end in range(0, len(content), max(1, len(content) // 90))]
    assert isinstance(outcomes[0], str)
    assert not isinstance(read(content), str)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_flipped_bytes_are_an_image_or_a_reason(name, draw):
    content = bytearray(FILES[name])
    for _ in range(draw.draw(st.integers(1, 4))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    assert read(bytes(content)) is not None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(FILES.values())), st.binary(max_size=60))
def test_any_bytes_behind_a_magic_number_are_an_image_or_a_reason(content, tail):
    assert read(content[:14] + tail) is not None
