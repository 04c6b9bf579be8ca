"""The two halves of a sample: nobody stands in both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.audit.halves import cut_in_halves
from dpkit.errors import UsageError

SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=40)


def cut(sizes, most=1000, seed=0):
    groups = np.repeat([f"g{i}".encode() for i in range(len(sizes))], sizes)
    return groups, cut_in_halves(groups, most, np.random.default_rng(seed))


@given(SIZES, st.integers(0, 5))
def test_no_group_is_in_both_and_no_row_is_lost(sizes, seed):
    groups, halves = cut(sizes, seed=seed)
    assert not set(groups[halves.scored]) & set(groups[halves.own])
    assert sorted([*halves.scored, *halves.rest, *halves.own]) == list(range(len(groups)))


@given(SIZES)
def test_both_hold_somebody(sizes):
    _, halves = cut(sizes)
    assert len(halves.scored)
    assert len(halves.own)


@given(st.integers(2, 200))
def test_groups_of_one_are_cut_in_the_middle(n):
    _, halves = cut([1] * n)
    assert abs(len(halves.scored) - len(halves.own)) <= 1


def test_scored_rows_are_at_most_those_asked_for():
    _, halves = cut([1] * 100, most=10)
    assert (len(halves.scored), len(halves.rest), len(halves.own)) == (10, 40, 50)


def test_the_cut_comes_as_near_to_the_middle_as_groups_allow():
    for seed in range(6):
        _, halves = cut([10, 10, 1, 1], seed=seed)
        assert 10 <= len(halves.scored) <= 12


def test_one_group_cannot_be_cut():
    with pytest.raises(UsageError, match="one group"):
        cut([12])
