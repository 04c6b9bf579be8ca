"""How recovered images are scored: contrast, sign and mirror are the attacker's for nothing."""

import numpy as np
import pytest

from dpkit.leakage.contrast import IDENTICAL_DB
from dpkit.leakage.recovery import Recovery, best_candidate, recovery
from tests.leakage.attacks.setting import pictures

ORIGINALS = pictures(4, 24, 3)


class TestAPicture:
    def test_that_is_the_original_scores_the_most(self):
        found = recovery(ORIGINALS, ORIGINALS.astype(float), 255)
        assert found.ssim == pytest.approx(1)
        assert (found.psnr == IDENTICAL_DB).all()
        assert found.ncc == pytest.approx(1)

    @pytest.mark.parametrize(
        "changed",
        [
            lambda p: p[:, :, ::-1],
            lambda p: 255 - p,
            lambda p: 40 + 0.1 * p,
            lambda p: (0.2 * (255 - p))[:, :, ::-1],
        ],
        ids=["mirrored", "negative", "faint", "all of these"],
    )
    def test_of_another_contrast_sign_or_side_is_the_original(self, changed):
        found = recovery(ORIGINALS, changed(ORIGINALS.astype(float)), 255)
        assert found.ssim == pytest.approx(1, abs=1e-6)

    def test_without_colour_is_compared_with_the_grey_original(self):
        grey = ORIGINALS.astype(float).mean(axis=3, keepdims=True)
        assert recovery(ORIGINALS, grey, 255).ssim.min() > 0.999

    def test_of_one_value_has_no_correlation(self):
        found = recovery(ORIGINALS, np.full(ORIGINALS.shape, 9.0), 255)
        assert (found.ncc == 0).all()
        assert found.ssim.mean() < 0.5

    def test_of_noise_is_no_better_than_one_of_one_value(self):
        noise = np.random.default_rng(0).uniform(0, 255, ORIGINALS.shape)
        flat = recovery(ORIGINALS, np.full(ORIGINALS.shape, 9.0), 255)
        assert recovery(ORIGINALS, noise, 255).ssim.mean() < flat.ssim.mean() + 0.02

    def test_too_small_for_ssim_has_none(self):
        small = pictures(3, 2, 1)
        found = recovery(small, small.astype(float), 255)
        assert np.isnan(found.ssim).all()
        assert found.scores().ssim is None


def test_the_best_of_several_is_taken_image_by_image():
    one = Recovery(np.array([0.1, 0.9]), np.array([5.0, 30.0]), np.array([0.2, 0.9]))
    other = Recovery(np.array([0.5, 0.2]), np.array([9.0, 8.0]), np.array([0.1, 0.3]))
    best = Recovery.best_of([one, other])
    assert best.ssim.tolist() == [0.5, 0.9]
    assert best.psnr.tolist() == [9.0, 30.0]


def test_the_best_candidate_is_chosen_with_the_original():
    noise = np.random.default_rng(0).random((4, 2, 24, 24))
    candidates = np.concatenate([noise, ORIGINALS.mean(axis=3)[:, None]], axis=1)
    assert best_candidate(ORIGINALS, candidates, 255).ssim.min() > 0.99


def test_the_worst_image_is_the_one_recovered_best():
    found = Recovery(np.array([0.1, 0.6, 0.95]), np.array([5.0, 9.0, 30.0]), np.zeros(3)).scores()
    assert found.ssim.worst == 0.95
    assert found.share_50.value == pytest.approx(2 / 3)
    assert found.share_90.value == pytest.approx(1 / 3)
