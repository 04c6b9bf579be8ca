"""Pairs to learn from: all that a view has, and nothing where it has too few."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.examples import Guesses, decibels, examples_of, grey_levels, no_examples
from dpkit.types.adversary import KnownPairs, PublicImages
from tests.leakage.attacks.maps import PAIRS, handed, stage

LEARNED = ("ridge-maps", "mlp", "deconvolution", "unet")


def test_own_and_known_pictures_are_taken_together():
    view = handed(stage()).view
    known = KnownPairs(view.public.pixels[:5], view.public.values[:5])
    assert len(examples_of(replace(view, known=known))) == PAIRS + 5


def test_values_are_on_one_scale_and_pixels_within_one():
    pairs = examples_of(handed(stage()).view)
    assert np.allclose(pairs.values.mean(axis=(0, 2, 3)), 0, atol=1e-4)
    assert 0 <= pairs.pixels.min() < pairs.pixels.max() <= 1


def test_a_dead_channel_stays_finite():
    view = handed(stage()).view
    values = view.public.values.copy()
    values[:, 3] = 0.0
    view = replace(view, public=PublicImages(view.public.pixels, "same", values=values))
    assert np.isfinite(examples_of(view).targets).all()


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize(("count", "words"), [(0, "no pair"), (19, "only 19 pairs")])
def test_too_few_pairs_are_said_in_words(name, count, words):
    view = handed(stage()).view
    known = KnownPairs(view.public.pixels[:count], view.public.values[:count])
    poor = replace(view, public=None, known=known)
    assert words in ATTACKS[name].unfit(poor)
    with pytest.raises(UsageError, match=words):
        ATTACKS[name].run(poor, Effort())


def test_a_view_of_too_many_values_is_not_begun(monkeypatch):
    monkeypatch.setattr("dpkit.leakage.attacks.examples.MOST_BYTES", 1000)
    assert "too large" in no_examples(handed(stage()).view)


def test_planes_become_grey_levels_within_the_peak():
    view = handed(stage()).view
    grey = grey_levels(view, np.array([[[[0.5]], [[-1.0]], [[2.0]]]], np.float32))
    assert grey.tolist() == [[[[127.5, 0.0, 255.0]]]]


def test_decibels_are_of_the_mean_squared_error():
    assert decibels(np.zeros((2, 1, 3, 3)), np.full((2, 1, 3, 3), 0.1)) == pytest.approx(20)


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        (9.0, "not trained, so it says nothing"),
        (12.05, "no more than a mean picture"),
        (20.0, "20.0 dB on pictures held out; a constant"),
    ],
)
def test_a_figure_is_said_beside_the_guesses(reached, words):
    assert words in Guesses(constant=11.0, mean=12.0).compare(reached)
