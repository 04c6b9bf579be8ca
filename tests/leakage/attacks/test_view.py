"""The view shows what is there: half a mixed image, nothing of a morphed one."""

from dataclasses import replace

import numpy as np

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.scoring import score_images
from tests.leakage.attacks.mixing import faces, mixed_release
from tests.leakage.attacks.setting import first_conv, handed_over, he

VIEW = ATTACKS["view"]


def test_of_a_mixed_release_is_its_pixels():
    release = mixed_release(faces(30), 6)
    found = VIEW.run(replace(release.view, wanted=7), Effort())
    assert np.array_equal(found.images, np.moveaxis(release.view.values[:7], 1, -1))


def test_of_a_morphed_release_shows_nothing():
    given_away = handed_over(first_conv(he(np.random.default_rng(0), 8, 1, 3), 16))
    found = VIEW.run(given_away.view, Effort())
    assert found.images.max() == 255
    assert score_images(given_away.originals, found.images, 255)[1].mean < 0.3


def test_of_maps_is_the_mean_of_their_channels_at_the_images_size():
    release = mixed_release(faces(20), 6)
    pixels = release.originals.reshape(20, 1, 12, 2, 12, 2).mean(axis=(3, 5), dtype=np.float32)
    maps = np.concatenate([pixels, 2 * pixels + 7], axis=1)
    found = VIEW.run(replace(release.view, sanitizer="partition", values=maps), Effort())
    assert found.images.shape == (20, 24, 24, 1)
    assert score_images(release.originals, found.images, 255)[1].mean > 0.5
    assert VIEW.is_for("partition")
