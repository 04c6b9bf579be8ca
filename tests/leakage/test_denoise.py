"""The filter takes noise off and leaves what is clean."""

import numpy as np
import pytest

from dpkit.leakage.denoise import denoised
from dpkit.leakage.metrics import score
from tests.leakage.attacks.pixelated import taken as pictures

RNG = np.random.default_rng(7)


def ssim(originals, images):
    planes = np.moveaxis(images, -1, 1).astype(np.float32)
    return score(originals, planes, 255, stretch=False)["ssim"].mean()


def noisy(originals, deviation):
    return originals + deviation * RNG.standard_normal(originals.shape)


@pytest.mark.parametrize("has_public", [False, True])
@pytest.mark.parametrize(("side", "channels"), [(128, 1), (64, 3), (32, 3)])
def test_noise_goes(side, channels, has_public):
    originals = pictures(8, side, channels)
    public = pictures(30, side, channels)[8:] if has_public else None
    seen = noisy(originals, 40)
    assert (
        ssim(originals, denoised(seen, public=public))
        > ssim(originals, np.clip(seen, 0, 255)) + 0.25
    )


@pytest.mark.parametrize("has_public", [False, True])
@pytest.mark.parametrize(("side", "channels"), [(128, 1), (64, 3), (16, 1)])
def test_clean_pictures_stay(side, channels, has_public):
    originals = pictures(8, side, channels)
    public = pictures(30, side, channels)[8:] if has_public else None
    assert ssim(originals, denoised(originals.astype(np.float64), public=public)) > 0.99


def test_each_picture_has_its_own_noise():
    originals = pictures(2, 64, 1)
    seen = originals.astype(np.float64)
    seen[0] = noisy(originals[:1], 40)[0]
    found = denoised(seen)
    assert ssim(originals[:1], found[:1]) > ssim(originals[:1], np.clip(seen[:1], 0, 255)) + 0.2
    assert ssim(originals[1:], found[1:]) > 0.99


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (3, 5, 9, 3), (2, 13, 21, 1), (40, 1, 1, 1)])
def test_any_shape_comes_back_within_the_grey_levels(shape):
    found = denoised(RNG.uniform(0, 65535, shape), peak=65535)
    assert found.shape == shape
    assert found.min() >= 0
    assert found.max() <= 65535


def test_a_flat_picture_stays_flat():
    assert np.array_equal(denoised(np.full((2, 32, 32, 1), 90.0)), np.full((2, 32, 32, 1), 90.0))


def test_public_pictures_smaller_than_a_patch_are_passed_over():
    seen = noisy(pictures(4, 32, 1), 30)
    assert np.array_equal(denoised(seen, public=pictures(4, 4, 1)), denoised(seen))
