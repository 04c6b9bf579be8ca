import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.readers.choice import ReadOptions, choose_rule, parse_size
from dpkit.types import Geometry

from .test_targets import scan_of


def scan_with(sizes=((32, 40),), channels=(3,), depths=(8,)):
    n = max(map(len, (sizes, channels, depths)))
    return dataclasses.replace(
        scan_of(*["x"] * n),
        sizes=np.array(list(sizes) * (n // len(sizes)), np.int32),
        channels=np.array(list(channels) * (n // len(channels)), np.uint8),
        depths=np.array(list(depths) * (n // len(depths)), np.uint8),
    )


def chosen(scan=None, admits=lambda _: True, **options):
    options = ReadOptions(**options)
    return choose_rule(scan or scan_with(), options, default_size=(128, 96), admits=admits)


def test_the_size_that_all_share_is_kept_without_a_notice():
    rule, notices = chosen()
    assert rule.geometry == Geometry(3, 32, 40, 8)
    assert (rule.fit, rule.colour_rule, rule.depth_rule) == ("none", "repeat-grey", "keep")
    assert notices == ()


def test_mixed_sizes_take_the_papers_and_say_so():
    rule, (notice,) = chosen(scan_with(sizes=[(32, 40), (20, 50)]))
    assert (rule.geometry.height, rule.geometry.width, rule.fit) == (128, 96, "pad")
    assert notice == (
        "the images differ in size (heights 20 to 32, widths 40 to 50): "
        "all are brought to 128x96 (pad)"
    )


def test_a_shared_size_whose_key_is_too_large_takes_the_papers_and_says_so():
    rule, (notice,) = chosen(admits=lambda g: g.height > 100)
    assert (rule.geometry.height, rule.fit) == (128, "pad")
    assert notice.startswith("a key for 32x40 images would be too large")


@pytest.mark.parametrize(
    ("size", "expected"), [("64", (64, 64)), ("32x40", (32, 40)), ("8X9", (8, 9))]
)
def test_a_size_that_the_user_gives_is_taken(size, expected):
    rule, notices = chosen(size=size)
    assert (rule.geometry.height, rule.geometry.width) == expected
    assert rule.fit == ("none" if expected == (32, 40) else "pad")
    assert notices == ()


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_fit_that_the_user_gives_holds_for_later_batches_too(fit):
    assert chosen(fit=fit)[0].fit == fit


@pytest.mark.parametrize(
    "size", ["", "0", "x", "8x", "x8", "8x8x8", "-3", "65536", "1e3", "٣", "9" * 5000]
)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(UsageError, match=r"auto, N or HxW"):
        parse_size(size)


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_a_size_is_height_by_width(height, width):
    assert parse_size(f"{height}x{width}") == (height, width)


@pytest.mark.parametrize(
    ("grey", "colour", "channels", "rule"),
    [
        (0, 5, 3, "repeat-grey"),
        (5, 0, 1, "equal-channels"),
        (1, 99, 3, "repeat-grey"),
        (99, 1, 1, "equal-channels"),
    ],
)
def test_auto_takes_the_channels_of_99_in_100(grey, colour, channels, rule):
    found, _ = chosen(scan_with(channels=[1] * grey + [3] * colour))
    assert (found.geometry.channels, found.colour_rule) == (channels, rule)


def test_a_mixture_is_refused_with_counts_and_remedies():
    with pytest.raises(
        UsageError, match=r"2 of 100 images are grey and 98 are colour.*--channels grey"
    ):
        chosen(scan_with(channels=[1] * 2 + [3] * 98))


@pytest.mark.parametrize(
    ("word", "channels", "rule"), [("rgb", 3, "repeat-grey"), ("grey", 1, "luma")]
)
def test_the_users_word_settles_a_mixture(word, channels, rule):
    found, _ = chosen(scan_with(channels=[1, 3]), channels=word)
    assert (found.geometry.channels, found.colour_rule) == (channels, rule)


@pytest.mark.parametrize(
    ("depths", "word", "depth", "rule"),
    [
        ((8,), "auto", 8, "keep"),
        ((16,), "auto", 16, "keep"),
        ((16,), "8", 8, "high-byte"),
        ((8,), "16", 16, "times-257"),
        ((8, 16), "8", 8, "high-byte"),
        ((8, 16), "16", 16, "times-257"),
    ],
)
def test_the_depth_is_that_of_all_images_or_the_users(depths, word, depth, rule):
    found, _ = chosen(scan_with(channels=(1,) * len(depths), depths=depths), depth=word)
    assert (found.geometry.depth, found.depth_rule) == (depth, rule)


def test_mixed_depths_are_refused_with_counts_and_remedies():
    with pytest.raises(UsageError, match=r"1 of 2 images have 16 bits.*--depth 8 .*--depth 16"):
        chosen(scan_with(channels=(1, 1), depths=(8, 16)))


@pytest.mark.parametrize("word", ["auto", "16"])
def test_16_bit_colour_is_refused_as_a_whole_unless_it_may_become_8(word):
    with pytest.raises(UsageError, match=r"2 of 2 images are 16-bit colour.*--depth 8"):
        chosen(scan_with(channels=(3, 3), depths=(16, 16)), depth=word)
    assert chosen(scan_with(depths=(16,)), depth="8")[0].reduces_deep


def test_the_matte_is_white_unless_the_user_says_otherwise():
    assert chosen()[0].matte == 255
    assert chosen(matte=0)[0].matte == 0
    with pytest.raises(UsageError, match=r"matte 300"):
        chosen(matte=300)
