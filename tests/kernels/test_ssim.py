"""SSIM and squared error: against scikit-image, against a plain twin, and at the odd sizes."""

import math

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from dpkit.kernels.ssim import gaussian_taps, ssim_mse, ssim_mse_unstretched, window_side

AGREEMENT = 1e-6  # the promise; float64 sums keep far below it
PEAK = {np.uint8: 255, np.uint16: 65535}


def pair(seed, shape, dtype=np.uint8, noise=0.4):
    """Return an original [1,h,w,c] of smooth patches, and values [1,c,h,w] partly like it."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = rng.random((height // 5 + 1, width // 5 + 1, channels))
    smooth = np.kron(coarse, np.ones((5, 5, 1)))[:height, :width]
    original = np.rint(smooth * PEAK[dtype]).astype(dtype)
    values = (1 - noise) * smooth + noise * rng.standard_normal(shape)
    return original[None], np.moveaxis(values, -1, 0)[None].astype(np.float32)


def stretched(values, peak):
    """The view [h,w,c] of one row [c,h,w]: smallest value 0, largest `peak`."""
    shown = np.moveaxis(values.astype(np.float64), 0, -1)
    low, high = shown.min(), shown.max()
    return (shown - low) * (peak / (high - low)) if high > low else np.zeros_like(shown)


def wang_as_scikit_image(x, y, peak):
    return structural_similarity(
        x.astype(np.float64),
        y,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=peak,
        channel_axis=-1,
    )


def wang_plainly(x, y, peak):
    """SSIM by its definition: one window at a time, two-dimensional weights, exact sums."""
    height, width, channels = x.shape
    side = min(11, height, width)
    side -= 1 - side % 2
    reach = side // 2
    ticks = range(-reach, reach + 1)
    weights = [[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in ticks] for i in ticks]
    w = np.array(weights) / math.fsum(map(math.fsum, weights))
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    found = []
    for c in range(channels):
        for i in range(height - side + 1):
            for j in range(width - side + 1):
                a = x[i : i + side, j : j + side, c].astype(np.float64)
                b = y[i : i + side, j : j + side, c]
                ma, mb = (w * a).sum(), (w * b).sum()
                va, vb = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum()
                cov = (w * (a - ma) * (b - mb)).sum()
                top = (2 * ma * mb + c1) * (2 * cov + c2)
                found.append(top / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return math.fsum(found) / len(found)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "shape", [(11, 11, 3), (11, 12, 1), (13, 11, 3), (32, 32, 3), (61, 300, 1), (300, 37, 3)]
)
def test_ssim_agrees_with_scikit_image(shape, dtype):
    original, values = pair(1, shape, dtype)
    found, error = ssim_mse(original, values, PEAK[dtype])
    view = stretched(values[0], PEAK[dtype])
    assert abs(found[0] - wang_as_scikit_image(original[0], view, PEAK[dtype])) < AGREEMENT
    assert error[0] == pytest.approx(np.mean((original[0] - view) ** 2))


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(3, 24),
    width=st.integers(3, 24),
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    noise=st.sampled_from([0.0, 0.01, 1.0]),
)
@settings(max_examples=40, deadline=None)
def test_ssim_agrees_with_its_definition_at_every_size(
    *, seed, height, width, channels, dtype, noise
):
    original, values = pair(seed, (height, width, channels), dtype, noise)
    found, _ = ssim_mse(original, values, PEAK[dtype])
    plain = wang_plainly(original[0], stretched(values[0], PEAK[dtype]), PEAK[dtype])
    assert abs(found[0] - plain) < AGREEMENT


def test_ssim_agrees_where_large_areas_are_white_or_black():
    """A page of text and a dark border are where sums in float32 would go wrong."""
    page = skimage.data.page()[:120, :160, None]
    dark = np.zeros_like(page)
    dark[40:80, 40:80] = page[40:80, 40:80]
    for x in (page, dark):
        values = np.moveaxis(np.clip(x * 0.97 + 3, 0, 255), -1, 0)[None].astype(np.float32)
        found, _ = ssim_mse(x[None], values, 255)
        view = stretched(values[0], 255)
        assert abs(found[0] - wang_as_scikit_image(x, view, 255)) < AGREEMENT


@pytest.mark.parametrize("side", [3, 4, 5, 8, 10])
def test_small_images_use_the_largest_odd_window_that_fits(side):
    """SciPy's Gaussian with the cut radius, cropped as scikit-image crops, is the other program."""
    original, values = pair(side, (side, side + 6, 1))
    x, y = original[0, ..., 0].astype(np.float64), stretched(values[0], 255)[..., 0]
    reach = window_side(side, side + 6) // 2

    def mean(map_):
        found = gaussian_filter(map_, 1.5, radius=reach)
        return found[reach : side - reach, reach : side + 6 - reach]

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 2.55**2, 7.65**2
    top = (2 * mx * my + c1) * (2 * cov + c2)
    expected = (top / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()
    assert abs(ssim_mse(original, values, 255)[0][0] - expected) < AGREEMENT


@pytest.mark.parametrize(("shape", "side"), [((300, 11), 11), ((10, 99), 9), ((3, 4), 3)])
def test_the_window_is_odd_and_at_most_eleven(shape, side):
    assert window_side(*shape) == side


def test_the_window_is_the_one_of_the_paper():
    taps = gaussian_taps(11)
    assert taps.sum() == pytest.approx(1.0)
    assert np.outer(taps, taps)[5, 5] == pytest.approx(
        0.070762, abs=1e-6
    )  # fspecial of Wang's code
    assert np.flatnonzero(gaussian_taps(7)).tolist() == [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 50, 1), (50, 2, 3)])
def test_below_three_pixels_ssim_is_not_defined_but_the_error_is(shape):
    original, values = pair(3, shape)
    found, error = ssim_mse(original, values, 255)
    assert np.isnan(found[0])
    assert error[0] == pytest.approx(np.mean((original[0] - stretched(values[0], 255)) ** 2))


def test_an_image_that_is_its_own_view_scores_one_and_no_error():
    original = skimage.data.astronaut()[None, :64, :80].copy()
    original[0, 0, 0], original[0, 0, 1] = 0, 255  # so that the view keeps its scale
    found, error = ssim_mse(original, np.moveaxis(original, -1, 1), 255)
    assert found[0] == pytest.approx(1.0, abs=1e-12)
    assert error[0] == 0.0


def test_an_image_of_one_value_is_seen_black():
    original, _ = pair(4, (16, 16, 3))
    seven, black = np.full((1, 3, 16, 16), 7.0, np.float32), np.zeros((1, 3, 16, 16), np.float32)
    assert ssim_mse(original, seven, 255) == ssim_mse_unstretched(original, black, 255)


def test_values_that_already_are_grey_levels_are_not_stretched():
    original, _ = pair(5, (16, 16, 1))
    grey = np.full((1, 1, 16, 16), 100.0, np.float32)
    _, error = ssim_mse_unstretched(original, grey, 255)
    assert error[0] == pytest.approx(np.mean((original.astype(float) - 100) ** 2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_spoils_its_own_image_only(bad):
    originals, values = (
        np.concatenate(c) for c in zip(*(pair(s, (20, 20, 3)) for s in range(3)), strict=True)
    )
    clean = ssim_mse(originals, values, 255)
    values[1, 2, 3, 4] = bad
    for whole, spoilt in zip(clean, ssim_mse(originals, values, 255), strict=True):
        assert np.isnan(spoilt[1])
        assert spoilt[[0, 2]].tolist() == whole[[0, 2]].tolist()


def test_a_batch_scores_as_its_images_do_alone():
    originals, values = (
        np.concatenate(c) for c in zip(*(pair(s, (9, 30, 3)) for s in range(4)), strict=True)
    )
    together = ssim_mse(originals, values, 255)
    alone = [ssim_mse(originals[i : i + 1], values[i : i + 1], 255) for i in range(4)]
    for column, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert column.tolist() == [float(part[0]) for part in parts]


def test_float16_and_views_of_other_arrays_are_read_as_they_are():
    originals, values = pair(6, (24, 24, 3))
    half = values.astype(np.float16)
    expected = ssim_mse(originals, half.astype(np.float32), 255)
    strided = np.asfortranarray(half)
    assert ssim_mse(np.asfortranarray(originals), strided, 255) == expected


def test_no_image_gives_no_score():
    found, error = ssim_mse(np.empty((0, 8, 8, 3), np.uint8), np.empty((0, 3, 8, 8), "f4"), 255)
    assert len(found) == len(error) == 0
