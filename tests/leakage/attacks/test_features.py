"""Features from released values are those of the originals, and look like them."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.features import (
    channel_views,
    features,
    principal_view,
    smoothest,
)
from dpkit.leakage.scoring import score_views
from tests.leakage.attacks.setting import convolution_matrix, first_conv, handed_over, he

RNG = np.random.default_rng(8)
CONV = first_conv(he(RNG, 16, 3, 3), 12, padding=1)


@pytest.mark.parametrize(("blocks", "kappa"), [("raster", 1), ("raster", 4), ("patch", 9)])
@pytest.mark.parametrize("cores", ["shared", "distinct"])
def test_are_the_features_of_the_originals_in_the_secret_order(blocks, kappa, cores):
    given_away = handed_over(CONV, kappa=kappa, blocks=blocks, cores=cores)
    rows = np.moveaxis(given_away.originals, -1, 1).reshape(4, -1) / 255
    expected = np.tensordot(rows, convolution_matrix(CONV)[:, given_away.order], axes=1)
    assert np.allclose(features(given_away.view), expected, atol=1e-3)


def test_show_the_picture_where_the_release_does_not():
    given_away = handed_over(first_conv(he(RNG, 16, 3, 3), 16, padding=1), n=6)
    originals, values = given_away.originals, given_away.view.values
    released, _ = score_views(originals, values, 255)
    best, correlation = score_views(originals, features(given_away.view), 255)
    assert released.mean < 0.4
    assert best.mean > released.mean + 0.3
    assert correlation.mean > 0.7


def test_of_random_matrices_show_nothing():
    given_away = handed_over(first_conv(he(RNG, 16, 3, 3), 16, padding=1), n=6)
    layer = given_away.view.augconv
    layer.matrices[0][:] = RNG.standard_normal(layer.matrices[0].shape)
    _, correlation = score_views(given_away.originals, features(given_away.view), 255)
    assert correlation.mean < 0.35


def test_smaller_than_the_image_are_enlarged():
    maps = RNG.standard_normal((2, 5, 4, 3))
    assert channel_views(maps, (8, 12)).shape == (2, 5, 8, 12)
    assert np.array_equal(channel_views(maps, (4, 3)), maps.astype(np.float32))


def test_principal_view_is_the_direction_of_most_variance():
    picture = RNG.standard_normal((2, 1, 6, 6))
    maps = picture * np.array([3.0, -4.0]).reshape(1, 2, 1, 1)
    found = principal_view(maps)
    assert np.allclose(np.abs(found), 5 * np.abs(picture))


def test_run_gives_one_grey_picture_an_image():
    given_away = handed_over(CONV)
    found = ATTACKS["features"].run(given_away.view, Effort())
    assert found.images.shape == (4, 12, 12, 1)
    assert found.images.min() == 0
    assert found.images.max() == 255


@pytest.mark.parametrize("name", ["features", "channel-order", "decode"])
def test_without_the_layer_there_is_no_attack(name):
    view = replace(handed_over(CONV).view, augconv=None)
    with pytest.raises(UsageError, match="Aug-Conv"):
        ATTACKS[name].run(view, Effort())


def test_of_many_large_images_the_least_rough_channels_are_kept(monkeypatch):
    given_away = handed_over(CONV)
    monkeypatch.setattr("dpkit.leakage.attacks.features.CANDIDATE_BYTES", 4 * 4 * 12 * 12 * 3)
    monkeypatch.setattr("dpkit.leakage.attacks.features.PART_BYTES", 1)  # one image at a time
    found = ATTACKS["features"].run(given_away.view, Effort())
    assert found.candidates.shape == (4, 3, 12, 12)
    assert "Only the 3 least rough" in found.sentence
    best, _ = score_views(given_away.originals, found.candidates, 255)
    assert best.mean > 0.5


def test_a_dead_channel_is_the_last_to_be_kept():
    maps = RNG.standard_normal((2, 3, 6, 6))
    maps[:, 1] = 0.0
    assert smoothest(maps, 2).tolist() == [0, 2]
