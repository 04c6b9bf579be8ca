"""Attackers share their time evenly, and what one leaves is for those after it."""

import pytest

from dpkit.sweep import sharing
from dpkit.sweep.sharing import Shares


def test_each_gets_an_even_part_and_what_one_leaves_is_for_the_others():
    shares, parts = Shares(900.0, 3), []
    for seed in range(3):
        with shares.effort(seed) as effort:
            parts.append(effort.seconds)
            assert effort.seed == seed
    assert parts[0] == 300.0
    assert 300.0 < parts[1] < parts[2] <= 900.0


def test_where_nothing_is_left_each_still_gets_a_moment():
    with Shares(0.0, 2).effort(0, is_full=False) as effort:
        assert effort.seconds == sharing.LEAST
        assert not effort.is_full


def test_an_attacker_that_failed_ends_the_sweep_with_its_own_error():
    with pytest.raises(KeyboardInterrupt), Shares(9.0, 1).effort(0):
        raise KeyboardInterrupt
