"""The mixing kernels equal Algorithm 1 as it is written: round after round, block after block."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.kernels.mix import choose_sources, draw_donors, mix_blocks


def algorithm_1(originals, words, donors, threshold, block):
    """Mix every image by loops: N_t rounds, each block a coin and a donor, from the originals."""
    length, width = block
    n, _, h, w = originals.shape
    mixed = originals.copy()
    for i in range(n):
        for round_words in words[i]:
            b = 0
            for y in range(0, h, length):
                for x in range(0, w, width):
                    word = int(round_words[b])
                    b += 1
                    if word >> 32 < threshold:
                        donor = donors[i][(word % 2**32) * len(donors[i]) >> 32]
                        here = (slice(None), slice(y, y + length), slice(x, x + width))
                        mixed[i][here] = originals[donor][here]
    return mixed


@settings(deadline=None)  # the first call of a type compiles
@given(
    st.tuples(st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 10), st.integers(1, 10)),
    st.tuples(st.integers(1, 3), st.sampled_from([0, 2**31, 2**32])),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 2**32 - 1),
)
def test_the_kernels_equal_algorithm_1(shape, block, law, dtype, seed):
    rounds, threshold = law
    rng, n = np.random.default_rng(seed), 5
    originals = rng.integers(0, 2**8, (n, *shape)).astype(dtype)
    blocks = -(-shape[1] // block[0]) * -(-shape[2] // block[1])
    words = rng.integers(0, 2**64, (n, rounds, blocks), dtype=np.uint64)
    donors = np.empty((n, 3), np.int64)
    rows = np.arange(n)
    draw_donors(rng.integers(0, 2**64, (n, 3), dtype=np.uint64), rows, rows, rows, donors)
    sources, out = np.empty((n, blocks), np.int64), np.empty_like(originals)
    choose_sources(words, donors, np.uint64(threshold), sources)
    mix_blocks(originals, rows, sources, block, out)
    assert np.array_equal(out, algorithm_1(originals, words, donors, threshold, block))


def test_donors_are_a_uniform_subset_of_the_other_groups():
    """Of 6 eligible rows 2 are drawn: 15 pairs, each within 5 deviations over 30,000 draws."""
    rng, n = np.random.default_rng(1), 30_000
    group_of = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    pool = np.arange(8)
    donors = np.empty((n, 2), np.int64)
    words = rng.integers(0, 2**64, (n, 2), dtype=np.uint64)
    draw_donors(words, pool, group_of, np.zeros(n, np.int64), donors)
    pairs = np.sort(donors, axis=1)
    assert pairs.min() >= 2
    assert (pairs[:, 0] != pairs[:, 1]).all()
    _, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(counts) == 15
    assert np.abs(counts - n / 15).max() < 5 * np.sqrt(n / 15)


def test_too_few_eligible_rows_are_marked():
    donors = np.empty((1, 2), np.int64)
    draw_donors(
        np.zeros((1, 2), np.uint64), np.arange(3), np.array([0, 0, 1]), np.zeros(1, int), donors
    )
    assert donors.tolist() == [[-1, -1]]


@pytest.mark.parametrize("wrong", [-2, 4])
def test_a_source_that_is_not_there_is_refused(wrong):
    originals = np.zeros((4, 1, 2, 2), np.uint8)
    sources = np.full((4, 1), wrong)
    with pytest.raises(ValueError, match="not among the 4 originals"):
        mix_blocks(originals, np.arange(4), sources, (2, 2), np.empty_like(originals))


def test_an_array_of_another_shape_is_refused():
    originals = np.zeros((4, 1, 2, 2), np.uint8)
    with pytest.raises(ValueError, match="do not fit"):
        mix_blocks(originals, np.arange(4), np.zeros((4, 2), int), (2, 2), np.empty_like(originals))
