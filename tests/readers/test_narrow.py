"""One image has one form, in however many channels and bits a file stores it."""

import numpy as np
import pytest

from dpkit.readers.narrow import narrowed

from .zoo import photograph

GREY = photograph(9, 5)[..., 0]
COLOUR = photograph(9, 5)


def test_grey_is_one_image_in_any_channels_and_bits():
    deep = GREY.astype(np.uint16) * 257
    for stored in (GREY, deep, *(np.stack([plane] * 3, axis=-1) for plane in (GREY, deep))):
        found = narrowed(stored)
        assert (found.dtype, found.shape) == (np.uint8, (9, 5, 1))
        assert found.flags.c_contiguous
        assert np.array_equal(found[..., 0], GREY)


def test_colour_is_one_image_in_8_bits_and_in_16():
    assert np.array_equal(narrowed(COLOUR.astype(np.uint16) * 257), COLOUR)
    assert narrowed(COLOUR).shape == (9, 5, 3)


@pytest.mark.parametrize("place", [(0, 0), (8, 4)])
def test_a_value_that_8_bits_do_not_hold_keeps_16(place):
    deep = GREY.astype(np.uint16) * 257
    deep[place] ^= 1
    found = narrowed(deep)
    assert found.dtype == np.uint16
    assert np.array_equal(found[..., 0], deep)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_other_value_in_one_channel_keeps_colour(channel):
    pixels = np.stack([GREY] * 3, axis=-1)
    pixels[3, 2, channel] ^= 1
    assert np.array_equal(narrowed(pixels), pixels)
