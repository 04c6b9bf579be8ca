"""95 % intervals against published and independently computed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.leakage.intervals import bootstrap_mean, exact_share


def test_no_hit_of_a_hundred_has_the_rule_of_threes_exact_form():
    assert exact_share(0, 100).high == pytest.approx(1 - 0.025 ** (1 / 100))


def test_five_of_ten_is_clopper_and_pearsons_interval():
    found = exact_share(5, 10)
    assert (found.low, found.high) == pytest.approx((0.187086, 0.812914), abs=1e-6)


def test_nothing_observed_is_anything():
    assert (exact_share(0, 0).low, exact_share(0, 0).high) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_within_its_interval(hits):
    found = exact_share(*hits)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_bootstrap_comes_near_the_normal_interval():
    figures = np.random.default_rng(0).normal(0, 1, 400)
    found = bootstrap_mean(figures)
    half = 1.96 * figures.std() / 20
    assert found.value == pytest.approx(figures.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)


def test_the_bootstrap_of_equal_figures_has_no_width():
    found = bootstrap_mean(np.full(30, 0.25))
    assert (found.low, found.high) == (0.25, 0.25)


def test_the_same_seed_gives_the_same_interval():
    figures = np.random.default_rng(1).random(50)
    assert bootstrap_mean(figures, 7) == bootstrap_mean(figures, 7)
