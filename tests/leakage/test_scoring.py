"""How an attack on a handed-over layer is scored, as it is or with contrast and sign fitted."""

import numpy as np
import pytest

from dpkit.leakage.scoring import Score, score_images, score_views
from tests.leakage.attacks.setting import pictures


def test_identical_images_score_the_most():
    originals = pictures(3, 16, 3)
    psnr, ssim = score_images(originals, originals.astype(float), 255)
    assert psnr == Score(200.0, 200.0, 200.0)
    assert ssim.least == pytest.approx(1)


def test_a_negative_of_low_contrast_is_the_picture():
    originals = pictures(3, 16, 1)
    ssim, ncc = score_views(originals, 5 - 0.01 * np.moveaxis(originals, -1, 1), 255)
    assert ssim.least == pytest.approx(1, abs=1e-6)
    assert ncc.least == pytest.approx(1)


def test_a_view_of_one_value_scores_nothing():
    _, ncc = score_views(pictures(2, 16, 1), np.ones((2, 1, 16, 16)), 255)
    assert ncc.worst == 0


def test_images_too_small_for_ssim_have_none():
    originals = pictures(2, 2, 1)
    psnr, ssim = score_images(originals, originals + 1.0, 255)
    assert psnr.mean == pytest.approx(20 * np.log10(255))
    assert ssim is None
