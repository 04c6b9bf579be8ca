"""An attacker is worth what it adds to a guess, and pictures are scored as they come out."""

import numpy as np
import pytest
import skimage.metrics

from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.perceptual import is_at_hand
from dpkit.sweep.attackers import Encoded, Exam, attacked, guesses, quality
from dpkit.sweep.perceived import SEEN, spaced
from dpkit.types import Geometry
from tests.conftest import PHOTOGRAPHS, crop

GEOMETRY = Geometry(3, 16, 16, 8)


@pytest.fixture(scope="module")
def pixels():
    return np.stack([crop(name, i) for i in range(40) for name in PHOTOGRAPHS])


def maps(pixels):
    """A linear encoder: means of 2x2 pixels, as maps."""
    planes = np.moveaxis(pixels, -1, 1).astype(np.float32) / 255
    return planes.reshape(len(pixels), 3, 8, 2, 8, 2).mean(axis=(3, 5))


def halves(pixels):
    return Encoded(pixels[:100], maps(pixels[:100])), Encoded(pixels[100:], maps(pixels[100:]))


def test_a_linear_map_undoes_a_linear_encoder_far_beyond_a_guess(pixels):
    pairs, targets = halves(pixels)
    found = attacked("ridge", Exam(pairs, targets, GEOMETRY), Effort())
    guess = guesses(pairs.pixels, targets.pixels, GEOMETRY.peak)
    assert found["psnr"] > guess["mean image"].psnr + 4
    assert "pairs" in found["said"]
    assert (found["perceptual"] is None) != is_at_hand()
    assert not is_at_hand() or 0 < found["perceptual"] < 2


def test_no_attacker_beats_the_guess_on_values_that_say_nothing(pixels):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(pixels), 3, 8, 8)).astype(np.float32)
    pairs, targets = Encoded(pixels[:100], noise[:100]), Encoded(pixels[100:], noise[100:])
    found = attacked("ridge", Exam(pairs, targets, GEOMETRY), Effort())
    assert (
        found["psnr"]
        < guesses(pairs.pixels, targets.pixels, GEOMETRY.peak)["mean image"].psnr + 0.3
    )


def test_an_attacker_without_time_scores_nothing(pixels):
    found = attacked("simrec", Exam(*halves(pixels), GEOMETRY), Effort(seconds=0))
    assert found["psnr"] is None
    assert found["ssim"] is None


def test_scores_are_those_of_scikit_image(pixels):
    images = np.clip(pixels[:6] + np.random.default_rng(0).normal(0, 20, (6, 16, 16, 3)), 0, 255)
    found = quality(pixels[:6], images, 255)
    expected = [
        skimage.metrics.peak_signal_noise_ratio(a, b, data_range=255)
        for a, b in zip(pixels[:6].astype(float), images, strict=True)
    ]
    assert found.psnr == pytest.approx(np.mean(expected), abs=1e-3)


def test_a_guess_knows_the_pictures_learned_from_and_no_others(pixels):
    pairs, targets = halves(pixels)
    found = guesses(pairs.pixels, targets.pixels, 255)
    mean = np.broadcast_to(pairs.pixels.mean(axis=0), targets.pixels.shape)
    assert found["mean image"] == quality(targets.pixels, mean, 255)
    assert found["constant image"].psnr <= found["mean image"].psnr + 0.5


def test_pictures_that_are_looked_at_are_of_every_class():
    rows = spaced(1000)
    assert len(rows) == SEEN
    assert rows[0] == 0
    assert rows[-1] == 999
    assert np.diff(rows).max() <= 4
    assert spaced(5).tolist() == [0, 1, 2, 3, 4]
