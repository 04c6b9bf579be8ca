"""Scores of links: perfect ones, chance, ties, thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.leakage.linkage import score_links

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, rows=20, pictures=60):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, pictures)), rng.integers(0, pictures, rows)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, rows=st.integers(1, 30), pictures=st.integers(2, 60))
def test_perfect_links_find_everybody(seed, rows, pictures):
    links, truth = drawn(seed, rows, pictures)
    links[np.arange(rows), truth] = 100
    found = score_links(links, truth)
    assert found.top1.value == found.top1.high == 1
    assert found.chance == 1 / pictures
    assert found.tpr_1 is None or found.tpr_1.value == 1


def test_random_links_find_as_many_as_chance():
    links, truth = drawn(1, 2000, 20)
    found = score_links(links, truth)
    assert found.top1.low <= found.chance <= found.top1.high
    assert found.tpr_1.low <= 0.01 <= found.tpr_1.high
    assert found.tpr_01.low <= 0.001 <= found.tpr_01.high


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_a_monotone_transform_changes_nothing(seed):
    links, truth = drawn(seed)
    links[np.arange(len(truth)), truth] += 1.5
    assert score_links(links, truth) == score_links(np.exp(3 * links), truth)


def test_a_tie_is_not_found():
    assert score_links(np.zeros((4, 5)), np.arange(4)).top1.value == 0
    assert score_links(np.zeros((100, 100)), np.arange(100)).tpr_1.value == 0


@pytest.mark.parametrize(("pictures", "one", "tenth"), [(50, False, False), (52, True, False),
                                                       (502, True, True)])  # fmt: skip
def test_low_rates_need_enough_false_pairs(pictures, one, tenth):
    found = score_links(*drawn(0, 20, pictures))
    assert (found.tpr_1 is not None, found.tpr_01 is not None) == (one, tenth)


@pytest.mark.parametrize(
    ("links", "truth"),
    [
        (np.zeros((2, 3)), np.array([0])),
        (np.zeros((2, 3)), np.array([0, 3])),
        (np.full((1, 3), np.nan), np.array([0])),
        (np.zeros((0, 3)), np.array([], np.int64)),
    ],
)
def test_links_that_cannot_be_scored_are_refused(links, truth):
    with pytest.raises(UsageError):
        score_links(links, truth)
