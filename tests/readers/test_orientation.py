import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dpkit.readers.orientation import orient, read_orientation

from .zoo import exif, photograph


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_each_orientation_is_read_in_both_byte_orders(value, order):
    assert read_orientation(exif(value, order)) == value
    assert read_orientation(exif(value, order).removeprefix(b"Exif\0\0")) == value


@pytest.mark.parametrize("value", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(value):
    pixels = photograph(5, 7)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(image))
    found = orient(pixels, value)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_a_value_outside_one_to_eight_is_upright(value):
    assert read_orientation(exif(value)) == 1


@given(st.binary(max_size=80))
def test_any_bytes_have_some_orientation(block):
    assert read_orientation(b"Exif\0\0II*\0" + block) in range(1, 9)


@given(st.integers(0, 30))
def test_a_cut_block_is_upright_or_right(length):
    assert read_orientation(exif(6)[:length]) in {1, 6}
