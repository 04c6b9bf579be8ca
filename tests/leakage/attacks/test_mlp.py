"""A perceptron, trained on pairs: what it must reach, and what it must not claim."""

import numpy as np
import pytest

from dpkit.leakage import fitting
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.leakage.attacks.maps import decibels, halved, handed, mean_guess, stage


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(fitting, "MOST_STEPS", {True: 60, False: 60})
    monkeypatch.setattr(fitting, "RATES", (3e-3,))


@pytest.mark.parametrize(("encoder", "gain"), [(halved, 3), (stage, 3)])
@pytest.mark.slow
def test_pictures_come_back_far_better_than_by_a_guess(encoder, gain):
    given_away = handed(encoder())
    found = ATTACKS["mlp"].run(given_away.view, Effort())
    assert found.images.shape == given_away.originals.shape
    assert decibels(given_away.originals, found.images) > mean_guess(given_away) + gain
    assert found.figures["held-out PSNR"] > found.figures["mean picture PSNR"] + gain


def test_values_of_other_pictures_give_no_more_than_a_guess():
    given_away = handed(stage(), unrelated=True)
    found = ATTACKS["mlp"].run(given_away.view, Effort(is_full=False))
    assert decibels(given_away.originals, found.images) < mean_guess(given_away) + 1
    assert np.isfinite(found.images).all()
