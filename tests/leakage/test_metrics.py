"""The table of metrics, and what guesses without the release score."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dpkit.leakage.metrics import (
    ANOTHER_IMAGE,
    MEAN_IMAGE,
    METRICS,
    baseline_scores,
    metrics_for,
    score,
)

FLOATS = [metric.name for metric in metrics_for(np.float32)]


def photographs(n=5, side=32, dtype=np.uint8):
    whole = skimage.data.astronaut().astype(dtype) * (257 if dtype == np.uint16 else 1)
    return np.stack([whole[20 * i : 20 * i + side, 24 * i : 24 * i + side] for i in range(n)])


def planar(images):
    return np.moveaxis(images, -1, 1).astype(np.float32)


def grey(images):
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_one_figure_an_image(name):
    metric = METRICS[name]
    found = score(photographs(), grey(photographs())[::-1], 255)[name]
    assert metric.name == name
    assert found.dtype == np.float64
    assert found.shape == (5,)
    assert metric.bin_width(255) > 0


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_which_end_is_more_alike(name):
    images = photographs(2)
    noise = np.random.default_rng(2).normal(0, 40, (2, 3, 32, 32)).astype(np.float32)
    shaken = (np.clip(planar(images) + s * noise, 0, 255).astype(np.uint8) for s in (0.1, 1.0))
    near, far = (score(images, values, 255) for values in shaken)
    assert (METRICS[name].higher_is_more_alike) == bool((near[name] > far[name]).all())


def test_psnr_agrees_with_scikit_image():
    images = photographs()
    found = score(images, planar(images[::-1]), 255, stretch=False)["psnr"]
    expected = [
        peak_signal_noise_ratio(a, b, data_range=255)
        for a, b in zip(images, images[::-1], strict=True)
        if not np.array_equal(a, b)
    ]
    np.testing.assert_allclose(found[np.isfinite(found)], expected, rtol=1e-9)


def test_identical_pictures_have_infinite_psnr():
    images = photographs(2)
    found = score(images, planar(images), 255, stretch=False)
    assert np.isposinf(found["psnr"]).all()
    assert found["mse"].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(found["ssim"], 1.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_mean_image_is_one_guess_for_all(dtype):
    images = photographs(20, dtype=dtype)
    peak = np.iinfo(dtype).max
    found = baseline_scores(images, peak)[MEAN_IMAGE]
    mean = images.mean(axis=0)
    for i in (0, 16, 19):  # in the first and the second lot
        expected = structural_similarity(
            images[i].astype(float),
            mean,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=peak,
            channel_axis=-1,
        )
        assert found["ssim"][i] == pytest.approx(expected, abs=1e-6)
        assert found["mse"][i] == pytest.approx(((images[i] - mean) ** 2).mean(), rel=1e-6)


def test_another_image_is_the_next_and_the_last_gets_the_first():
    images = photographs(18)
    found = baseline_scores(images, 255)[ANOTHER_IMAGE]
    expected = [np.mean((images[i] - images[(i + 1) % 18].astype(float)) ** 2) for i in range(18)]
    np.testing.assert_allclose(found["mse"], expected)


def test_one_image_alone_has_no_other():
    found = baseline_scores(photographs(1), 255)
    assert all(np.isnan(column).all() for column in found[ANOTHER_IMAGE].values())
    assert found[MEAN_IMAGE]["mse"].tolist() == [0.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_floats_have_no_unchanged_pixels_to_count(dtype):
    """No value of theirs is a grey level, so the figure is absent from scores and guesses."""
    images = photographs()
    assert list(score(images, planar(images).astype(dtype), 255)) == ["ssim", "psnr", "mse"]
    for guess in baseline_scores(images, 255, dtype=dtype).values():
        assert list(guess) == FLOATS == ["ssim", "psnr", "mse"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_levels_have_every_metric_and_so_have_the_guesses(dtype):
    images, peak = photographs(dtype=dtype), np.iinfo(dtype).max
    assert list(score(images, grey(images), peak)) == list(METRICS)
    for guess in baseline_scores(images, peak, dtype=dtype).values():
        assert list(guess) == list(METRICS)
    for guess in baseline_scores(images[:1], peak, dtype=dtype).values():
        assert list(guess) == list(METRICS)


def naive_unchanged(original, values):
    height, width, channels = original.shape
    equal = sum(
        all(original[y, x, c] == values[c, y, x] for c in range(channels))
        for y in range(height)
        for x in range(width)
    )
    return 100 * equal / (height * width)


small = st.integers(0, 2)


@given(
    arrays(np.uint16, (2, 4, 5, 3), elements=small), arrays(np.uint16, (2, 3, 4, 5), elements=small)
)
def test_unchanged_counts_pixels_equal_in_all_channels_at_their_place(originals, values):
    found = score(originals, values, 65535)["unchanged"]
    expected = [naive_unchanged(o, v) for o, v in zip(originals, values, strict=True)]
    np.testing.assert_allclose(found, expected)


def test_all_of_the_original_is_a_hundred_and_a_moved_one_is_not():
    images = photographs(2)
    assert score(images, grey(images), 255)["unchanged"].tolist() == [100.0, 100.0]
    moved = grey(np.roll(images, 1, axis=2))
    assert score(images, moved, 255)["unchanged"].max() < 50


def test_a_border_that_another_image_shares_counts_as_unchanged():
    images = photographs(2)
    images[:, :8] = 0  # a quarter of the rows, black in both
    images[:, 8:] |= 1
    found = score(images[:1], grey(images[1:]), 255)["unchanged"][0]
    assert 25.0 <= found < 35.0


def test_the_guesses_are_compared_pixel_by_pixel_too():
    images = photographs(18)
    found = baseline_scores(images, 255, dtype="uint8")
    mean = np.rint(images.mean(axis=0)).astype(np.uint8)
    for i in (0, 16, 17):  # in the first and the second lot
        following = grey(images[(i + 1) % 18][None])[0]
        assert found[ANOTHER_IMAGE]["unchanged"][i] == naive_unchanged(images[i], following)
        expected = naive_unchanged(images[i], np.moveaxis(mean, -1, 0))
        assert found[MEAN_IMAGE]["unchanged"][i] == expected
        expected = np.mean((images[i] - mean.astype(float)) ** 2)
        assert found[MEAN_IMAGE]["mse"][i] == pytest.approx(expected)


def test_grey_levels_are_not_stretched_unless_asked():
    images = photographs(2)
    dark = images // 4
    plain, stretched = (score(dark, grey(images), 255, stretch=s) for s in (None, True))
    assert plain["mse"].tolist() == score(dark, planar(images), 255, stretch=False)["mse"].tolist()
    assert plain["mse"].tolist() != stretched["mse"].tolist()
