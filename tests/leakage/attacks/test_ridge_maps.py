"""One linear map, learned from pairs: strong where the treatment is linear, else a guess."""

import numpy as np

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.ridge_maps import ridge, ridge_primal
from tests.leakage.attacks.maps import decibels, halved, handed, mean_guess, stage

RNG = np.random.default_rng(2)


def run(view):
    return ATTACKS["ridge-maps"].run(view, Effort())


def test_pictures_come_back_far_better_than_by_a_guess():
    for encoder in (halved, stage):
        given_away = handed(encoder())
        found = run(given_away.view)
        assert found.images.shape == given_away.originals.shape
        assert decibels(given_away.originals, found.images) > mean_guess(given_away) + 5


def test_values_of_other_pictures_give_no_more_than_a_guess():
    given_away = handed(stage(), unrelated=True)
    found = run(given_away.view)
    assert decibels(given_away.originals, found.images) < mean_guess(given_away) + 1


def test_a_linear_map_is_found_in_the_dual_form():
    z, truth = RNG.standard_normal((60, 20)), RNG.standard_normal((20, 5))
    z -= z.mean(axis=0)
    weights, strength = ridge(z @ z.T, z @ truth)
    assert strength <= 1e-6
    assert np.allclose(z.T @ weights, truth, atol=1e-4)


def test_the_primal_form_finds_the_map_of_the_dual_one():
    for noise in (0.0, 1.0, 30.0):
        z, truth = RNG.standard_normal((90, 20)), RNG.standard_normal((20, 5))
        y = z @ truth + noise * RNG.standard_normal((90, 5))
        z, y = z - z.mean(axis=0), y - y.mean(axis=0)
        dual, strength = ridge(z @ z.T, y)
        primal, same = ridge_primal(z, y)
        assert same == strength
        assert np.allclose(z.T @ dual, primal, atol=1e-6)


def test_a_value_that_never_changes_is_left_out_of_the_primal_form():
    z = RNG.standard_normal((50, 6))
    z -= z.mean(axis=0)
    y = z @ RNG.standard_normal((6, 3))
    weights, _ = ridge_primal(np.hstack([z, np.zeros((50, 2))]), y)
    assert np.allclose(weights[6:], 0)
    assert np.allclose(z @ weights[:6], y, atol=1e-4)


def test_noise_is_answered_by_a_strong_ridge():
    z, y = RNG.standard_normal((40, 200)), RNG.standard_normal((40, 50))
    z, y = z - z.mean(axis=0), y - y.mean(axis=0)
    weights, strength = ridge(z @ z.T, y)
    assert strength > 1
    assert np.abs(z @ (z.T @ weights)).mean() < 0.5 * np.abs(y).mean()
