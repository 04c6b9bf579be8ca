"""The picture that a viewer makes of released values."""

import numpy as np
import pytest

from dpkit.leakage.metrics import grey, score
from dpkit.leakage.view import (
    GREY_VIEW,
    MAP_VIEW,
    VIEW,
    are_grey_levels,
    enlarged,
    flattened,
    picture,
    view_of,
    viewed,
)


def test_each_image_is_stretched_on_its_own_scale():
    values = np.array([[[[-2.0, 0.0], [1.0, 2.0]]], [[[10.0, 20.0], [20.0, 10.0]]]], np.float32)
    seen = viewed(values, 255)
    assert seen.shape == (2, 2, 2, 1)
    assert seen[0, ..., 0].tolist() == [[0.0, 127.5], [191.25, 255.0]]
    assert seen[1, ..., 0].tolist() == [[0.0, 255.0], [255.0, 0.0]]


def test_all_channels_share_one_scale():
    values = np.stack([np.full((3, 3), v, np.float32) for v in (0, 1, 4)])[None]
    assert viewed(values, 100)[0, 0, 0].tolist() == [0.0, 25.0, 100.0]


def test_an_image_of_one_value_is_black():
    assert not viewed(np.full((1, 3, 4, 4), 9, np.float16), 65535).any()


def test_a_picture_has_eight_bits_and_channels_last():
    seen = picture(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
    assert seen.dtype == np.uint8
    assert seen.shape == (2, 2, 3)
    assert (seen.min(), seen.max()) == (0, 255)


def test_the_scores_are_of_this_view():
    rng = np.random.default_rng(1)
    originals = rng.integers(0, 256, (2, 12, 12, 3), dtype=np.uint8)
    values = rng.standard_normal((2, 3, 12, 12)).astype(np.float32)
    expected = ((originals - viewed(values, 255)) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(score(originals, values, 255)["mse"], expected)


def test_grey_levels_are_shown_as_they_are():
    """No image is put on its own scale: a dark one stays dark."""
    values = np.arange(50, 62, dtype=np.uint8).reshape(1, 3, 2, 2)
    assert np.array_equal(viewed(values, 255), np.moveaxis(values, 1, -1))
    assert np.array_equal(picture(values[0]), np.moveaxis(values[0], 0, -1))


def test_sixteen_bit_grey_levels_are_scaled_by_their_peak():
    values = np.array([[[[0, 257], [257 * 100, 65535]]]], np.uint16)
    assert np.array_equal(viewed(values, 65535)[0, ..., 0], values[0, 0])
    assert picture(values[0])[..., 0].tolist() == [[0, 1], [100, 255]]


def test_the_scores_of_grey_levels_are_of_this_view():
    rng = np.random.default_rng(1)
    for dtype, peak in ((np.uint8, 255), (np.uint16, 65535)):
        originals = rng.integers(0, peak + 1, (2, 12, 12, 3), dtype=dtype)
        values = rng.integers(0, peak // 2, (2, 3, 12, 12), dtype=dtype)
        expected = ((originals - viewed(values, peak)) ** 2).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(score(originals, values, peak)["mse"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [("float32", VIEW), ("float16", VIEW), ("uint8", GREY_VIEW), ("uint16", GREY_VIEW)],
)
def test_the_type_decides_the_view(dtype, words):
    assert view_of(dtype) == words
    assert are_grey_levels(dtype) == (words == GREY_VIEW)


def test_a_feature_map_is_seen_as_the_mean_of_its_stretched_channels():
    maps = np.zeros((1, 5, 4, 4), np.float16)
    maps[0, 0, 0, 0], maps[0, 1, 0, 0], maps[0, 2] = 2, -4, 7
    seen = flattened(maps, (4, 4))
    assert seen.shape == (1, 1, 4, 4)
    assert seen[0, 0, 0, 0] == pytest.approx(1 / 5)
    assert seen[0, 0, 1, 1] == pytest.approx(1 / 5)


def test_a_feature_map_is_enlarged_to_the_images_size_and_compared_in_grey():
    rng = np.random.default_rng(2)
    maps = rng.standard_normal((3, 8, 6, 6)).astype(np.float16)
    originals = rng.integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
    found = score(originals, maps, 255)
    by_hand = score(grey(originals), flattened(maps, (24, 24)), 255)
    assert found.keys() == by_hand.keys()
    assert all(np.array_equal(found[name], by_hand[name]) for name in found)


def test_a_small_grid_of_grey_levels_is_enlarged_and_stays_grey_levels():
    grid = np.array([[[[10, 20], [30, 40]]]], np.uint8)
    seen = enlarged(grid, (5, 4))
    assert seen.dtype == np.uint8
    assert seen[0, 0].tolist() == [[10, 10, 20, 20]] * 3 + [[30, 30, 40, 40]] * 2
    originals = np.repeat(np.repeat(grid, 2, axis=2), 2, axis=3)[:, 0, :, :, np.newaxis]
    assert score(originals, grid, 255)["unchanged"].tolist() == [100.0]


def test_the_sentence_says_what_is_shown():
    assert view_of("float16", as_maps=True) == MAP_VIEW
    assert view_of("uint8", as_maps=True).startswith(GREY_VIEW)
    assert "enlarged" in view_of("uint8", as_maps=True)


@pytest.mark.parametrize("channels", [2, 4, 128])
def test_a_picture_of_a_feature_map_is_grey_and_has_its_size(channels):
    seen = picture(np.random.default_rng(0).standard_normal((channels, 5, 7)).astype("f4"))
    assert seen.shape == (5, 7, 1)
    assert (seen.min(), seen.max()) == (0, 255)
