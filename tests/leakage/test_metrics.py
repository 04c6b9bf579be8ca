"""The table of metrics, and what guesses without the release score."""

import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dpkit.leakage.metrics import ANOTHER_IMAGE, MEAN_IMAGE, METRICS, baseline_scores, score


def photographs(n=5, side=32, dtype=np.uint8):
    whole = skimage.data.astronaut().astype(dtype) * (257 if dtype == np.uint16 else 1)
    return np.stack([whole[20 * i : 20 * i + side, 24 * i : 24 * i + side] for i in range(n)])


def planar(images):
    return np.moveaxis(images, -1, 1).astype(np.float32)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_one_figure_an_image(name):
    metric = METRICS[name]
    found = score(photographs(), planar(photographs())[::-1], 255)[name]
    assert metric.name == name
    assert found.dtype == np.float64
    assert found.shape == (5,)
    assert metric.bin_width(255) > 0


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_which_end_is_more_alike(name):
    images = photographs(2)
    noise = np.random.default_rng(2).normal(0, 40, (2, 3, 32, 32)).astype(np.float32)
    near, far = (score(images, planar(images) + s * noise, 255, stretch=False) for s in (0.1, 1.0))
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
