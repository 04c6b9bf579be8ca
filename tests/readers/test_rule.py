import json

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import IntegrityError, UnreadableImageError, UsageError
from dpkit.readers.rule import ReadRule
from dpkit.types import Geometry

from .zoo import photograph

PHOTO = photograph()
GREY = PHOTO[..., 0]


def rule(channels=3, depth=8, size=(24, 32), fit="none", **fields):
    defaults = {"colour_rule": "repeat-grey", "matte": 255, "depth_rule": "keep"}
    return ReadRule(Geometry(channels, *size, depth), fit, **{**defaults, **fields})


def test_an_image_of_the_geometry_is_kept():
    found = rule().apply(PHOTO)
    np.testing.assert_array_equal(found, PHOTO)
    assert found.flags.c_contiguous


def test_grey_becomes_three_equal_channels_in_an_rgb_release():
    np.testing.assert_array_equal(rule().apply(GREY), np.dstack([GREY] * 3))


def test_grey_keeps_one_channel_in_a_grey_release():
    assert rule(1).apply(GREY).shape == (24, 32, 1)


def test_a_colour_file_that_is_grey_in_fact_is_kept_among_grey_ones():
    found = rule(1, colour_rule="equal-channels").apply(np.dstack([GREY] * 3))
    np.testing.assert_array_equal(found[..., 0], GREY)


def test_a_colour_image_among_grey_ones_is_quarantined():
    with pytest.raises(UnreadableImageError, match="colour image among grey ones"):
        rule(1, colour_rule="equal-channels").apply(PHOTO)


def test_luma_is_that_of_itu_r_601():
    found = rule(1, colour_rule="luma").apply(PHOTO)[..., 0]
    weights = PHOTO @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found - weights).max() <= 0.51
    np.testing.assert_array_equal(found, np.asarray(Image.fromarray(PHOTO).convert("L")))


def test_16_bits_become_8_by_their_high_byte():
    deep = GREY.astype(np.uint16) * 256 + 255
    found = rule(1, depth_rule="high-byte").apply(deep)
    np.testing.assert_array_equal(found[..., 0], GREY)
    assert found.dtype == np.uint8


def test_8_bits_become_16_so_that_white_stays_white_and_the_way_back_is_exact():
    found = rule(3, 16, depth_rule="times-257").apply(PHOTO)
    np.testing.assert_array_equal(found, PHOTO.astype(np.uint16) * 257)
    np.testing.assert_array_equal(found >> 8, PHOTO)


@pytest.mark.parametrize("depth", [8, 16])
def test_another_depth_is_quarantined_where_no_rule_is_stated(depth):
    pixels = GREY if depth == 16 else GREY.astype(np.uint16)
    with pytest.raises(UnreadableImageError, match=f"{24 - depth}-bit image among {depth}-bit"):
        rule(1, depth).apply(pixels)


def test_another_size_is_quarantined_where_no_fit_is_stated():
    with pytest.raises(UnreadableImageError, match="24x32 pixels where all others have 8x8"):
        rule(size=(8, 8)).apply(PHOTO)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_another_size_is_fitted(fit):
    assert rule(size=(8, 8), fit=fit).apply(PHOTO).shape == (8, 8, 3)


def test_a_rule_survives_its_sealing():
    sealed = json.loads(json.dumps(rule(1, 16, depth_rule="times-257", fit="pad").to_json()))
    assert ReadRule.from_json(sealed) == rule(1, 16, depth_rule="times-257", fit="pad")


@pytest.mark.parametrize(
    "change",
    [
        {"fit": "bend"},
        {"matte": 256},
        {"matte": "white"},
        {"geometry": {"channels": 2, "height": 1, "width": 1, "depth": 8}},
        {"geometry": None},
        {"more": 1},
    ],
)
def test_a_sealed_rule_of_another_form_is_refused(change):
    with pytest.raises(IntegrityError, match="read rule"):
        ReadRule.from_json({**rule().to_json(), **change})


@pytest.mark.parametrize("record", [None, [], "rule", {}])
def test_a_record_that_is_no_rule_is_refused(record):
    with pytest.raises(IntegrityError):
        ReadRule.from_json(record)


def test_a_rule_cannot_be_built_with_an_unknown_word():
    with pytest.raises(UsageError, match="depth_rule"):
        rule(depth_rule="guess")


def test_the_public_rules_are_words_and_numbers_for_the_manifest():
    assert rule().describe() == {
        "fit": "none",
        "colour_rule": "repeat-grey",
        "matte": 255,
        "depth_rule": "keep",
        "resampling": "bilinear, antialiased",
        "pad_value": 0,
        "orientation": "EXIF applied",
        "colour_profile": "ignored",
        "metadata": "dropped",
    }
