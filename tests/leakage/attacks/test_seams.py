"""Seams tell foreign blocks: both attacks by them bring images nearer to the originals."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.donor_outlier import own_beliefs
from dpkit.leakage.attacks.filling import filled
from dpkit.leakage.attacks.grid import grid_of
from dpkit.leakage.attacks.jigsaw import prior
from dpkit.leakage.attacks.seams import own_prior
from dpkit.leakage.scoring import score_images
from tests.leakage.attacks.mixing import faces, mixed_release

RELEASE = mixed_release(faces(), 6)
QUICK = Effort(is_full=False)


def ssim(images):
    return score_images(RELEASE.originals, images, 255)[1].mean


@pytest.mark.parametrize(("name", "gain"), [("donor-outlier", 0.03), ("jigsaw", 0.08)])
def test_images_come_nearer_to_their_originals(name, gain):
    seen = ssim(np.moveaxis(RELEASE.view.values, 1, -1).astype(float))
    assert ssim(ATTACKS[name].run(RELEASE.view, QUICK).images) >= seen + gain


@pytest.mark.parametrize("name", ["donor-outlier", "jigsaw"])
def test_only_the_wanted_rows_come_back(name):
    view = replace(RELEASE.view, wanted=9, labels=None)
    found = ATTACKS[name].run(view, QUICK).images
    assert found.shape == (9, 24, 24, 1)
    assert 0 <= found.min() <= found.max() <= 255


@pytest.mark.parametrize("name", ["donor-outlier", "jigsaw"])
def test_noise_gives_nothing_away(name):
    """Blocks of noise have no seams: what is taken for foreign is no more often so."""
    noise = np.random.default_rng(3).integers(0, 256, (60, 24, 24, 1), np.uint8)
    release = mixed_release(noise, 6)
    images = ATTACKS[name].run(release.view, QUICK).images
    seen = np.moveaxis(release.view.values, 1, -1).astype(float)
    found, before = (score_images(noise, i, 255)[1].mean for i in (images, seen))
    assert found <= before + 0.02


@pytest.mark.parametrize("name", ["donor-outlier", "jigsaw"])
def test_blocks_too_narrow_for_a_line_are_not_tried(name):
    assert "2x2" in ATTACKS[name].unfit(mixed_release(faces(20), 2).view)
    assert ATTACKS[name].unfit(RELEASE.view) == ""


def test_an_own_block_is_believed_more_than_a_foreign_one():
    own = own_beliefs(RELEASE.view, grid_of(RELEASE.view), QUICK)
    released = np.moveaxis(RELEASE.view.values, 1, -1)
    kept = (released == RELEASE.originals).reshape(100, 4, 6, 4, 6).all(axis=(2, 4))
    kept = kept.reshape(100, 16)
    assert own[kept].mean() >= own[~kept].mean() + 0.3


def test_before_any_seam_half_of_the_blocks_are_ones_own():
    grid = grid_of(RELEASE.view)
    kinds = grid.kinds(RELEASE.view.values)
    believed = prior(grid.kept, kinds[:, 0])
    assert believed.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-6)
    copies = np.bincount(kinds[:, 0])[kinds[:, 0]]
    assert own_prior(grid.kept, copies).mean() == pytest.approx(0.5, abs=0.06)


def test_a_hole_in_a_slope_is_filled_with_the_slope():
    slope = np.add.outer(np.arange(20.0), 2 * np.arange(20.0))[None, None]
    hole = np.zeros((1, 1, 20, 20), bool)
    hole[..., 6:12, 5:11] = True
    spoilt = np.where(hole, 0, slope)
    for effort in (QUICK, Effort()):
        assert np.allclose(filled(spoilt, hole, effort), slope, atol=0.05)


def test_a_picture_that_is_all_hole_stays_as_it_is():
    picture = np.arange(16.0).reshape(1, 1, 4, 4)
    assert np.array_equal(filled(picture, np.ones((1, 1, 4, 4), bool), QUICK), picture)
