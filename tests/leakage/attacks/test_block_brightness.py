"""Brightness comes back block by block where the cut is known, image by image where it is not."""

import numpy as np
import pytest

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.block_brightness import brightness
from dpkit.types import block_places
from tests.leakage.attacks.released import PRIVATE, correlation, crops, morphed, similarity

ATTACK = ATTACKS["block-brightness"]
COLOUR = crops(PRIVATE, 48, 32)


def block_means(released):
    places = block_places(released.view.blocks, released.view.kappa, (3, 32, 32))
    return released.rows[:, places].mean(axis=2)


@pytest.mark.parametrize("law", ["gaussian", "orthogonal", "uniform"])
@pytest.mark.parametrize("cores", ["shared", "distinct"])
def test_a_blocks_brightness_is_read_off(law, cores):
    released = morphed(COLOUR, kappa=64, law=law, cores=cores)
    levels, share = brightness(released.view, Effort())
    assert np.corrcoef(levels.ravel(), block_means(released).ravel())[0, 1] > 0.95
    assert share > 0.8


@pytest.mark.parametrize("law", ["orthogonal", "uniform"])
def test_levels_are_grey_levels(law):
    released = morphed(COLOUR, kappa=64, law=law)
    levels, _ = brightness(released.view, Effort())
    assert abs(levels.mean() - block_means(released).mean()) < 0.03


def test_the_picture_is_a_coarse_one_of_the_original():
    released = morphed(COLOUR, kappa=64, law="orthogonal", blocks="patch", wanted=30)
    found = ATTACK.run(released.view, Effort())
    assert found.images.shape == (30, 32, 32, 1)
    assert 0 <= found.images.min() <= found.images.max() <= 255
    assert correlation(COLOUR[:30], found.images).mean() > 0.7
    assert "each block" in found.finding


def test_scattered_pixels_leave_the_brightness_of_images():
    released = morphed(COLOUR, kappa=16, cores="distinct", interleave=True)
    found = ATTACK.run(released.view, Effort())
    assert not np.ptp(found.images, axis=(1, 2, 3)).any()
    means = COLOUR.mean(axis=(1, 2, 3))
    assert np.corrcoef(found.images[:, 0, 0, 0], means)[0, 1] > 0.98
    assert "each image" in found.sentence
    assert not found.finding


def test_normalisation_is_undone():
    released = morphed(COLOUR, kappa=64, law="orthogonal", affine=(1 / 51, 1.0))
    found = ATTACK.run(released.view, Effort())
    assert abs(found.images.mean() - COLOUR.mean()) < 10


@pytest.mark.parametrize("interleave", [False, True])
def test_with_a_key_an_image_nothing_is_said(interleave):
    released = morphed(COLOUR, kappa=16, cores="distinct", interleave=interleave, key_an_image=True)
    found = ATTACK.run(released.view, Effort())
    if found.images is not None:
        assert similarity(COLOUR, found.images).mean() < 0.3
    assert not found.finding
