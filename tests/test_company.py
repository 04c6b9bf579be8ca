"""Who stands together in a shard: every label with its whole class, or with enough of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.plan import Borders


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=400), st.integers(1, 60), st.integers(1, 50)
)
def test_a_label_stands_in_a_shard_whole_or_with_enough_rows(labels, rows, least):
    strata = np.array(labels)
    shard_of = Borders(rows, least).deal(strata, len(strata))
    for label in set(labels):
        counts = np.bincount(shard_of[strata == label])
        assert (counts > 0).sum() == 1 or counts[counts > 0].min() >= least


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 30))
def test_shards_are_numbered_from_0_without_a_gap(count, rows, least):
    strata = np.arange(count) % 3
    shard_of = Borders(rows, least).deal(strata, count)
    assert sorted(set(shard_of.tolist())) == list(range(shard_of.max() + 1))


def test_without_company_shards_are_cut_at_their_size():
    assert Borders(4).deal(None, 10).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_a_shard_beyond_memory_is_refused_with_what_would_help():
    with pytest.raises(UsageError, match=r"300 images in memory.*limit 250.*--min-pool"):
        Borders(10, least=300, most=250).deal(np.zeros(300, np.int64), 300)


def test_company_in_a_secret_order_is_a_uniform_sample_of_the_class():
    """Each pair of 30 rows meets in one of 3 shards equally often, over 3,000 orders.

    A pair meets with probability 9/29. The counts of 435 pairs are each within 6 standard
    deviations; were they independent, another seed would fail with probability 1e-6.
    """
    rng, met, times = np.random.default_rng(3), np.zeros((30, 30)), 3000
    borders = Borders(10, least=10)
    for _ in range(times):
        order = rng.permutation(30)
        shard_of = np.empty(30, np.int64)
        shard_of[order] = borders.deal(np.zeros(30, np.int64), 30)
        met += shard_of[:, None] == shard_of[None]
    p = 9 / 29
    pairs = met[np.triu_indices(30, 1)]
    assert np.abs(pairs - times * p).max() < 6 * np.sqrt(times * p * (1 - p))
