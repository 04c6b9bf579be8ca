"""The mixing kernels beside Algorithm 1 written as loops, and beside what chance allows.

The statistical tests have fixed seeds; with other seeds each would fail by chance about once in
a million: its bound lies FIVE standard deviations from the mean (two-sided normal tail 5.7e-7),
or at the same tail of a χ² law, by the cube-root approximation of Wilson and Hilferty (1931).
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.kernels import mix
from dpkit.kernels.donors import choose_sources, draw_donors
from dpkit.kernels.mix import mix_blocks

FIVE = 5.0
HALF = 2**31


def words_of(rng, *shape):
    return rng.integers(0, 2**64, shape, dtype=np.uint64)


def is_uniform(counts):
    """Say whether χ² of counts [k] stays below its bound, k - 1 degrees of freedom."""
    freedom, expected = counts.size - 1, counts.sum() / counts.size
    chi_square = ((counts - expected) ** 2 / expected).sum()
    spread = 2 / (9 * freedom)
    return chi_square < freedom * (1 - spread + FIVE * spread**0.5) ** 3


def is_binomial(hits, trials, p):
    return abs(hits - trials * p) <= FIVE * (trials * p * (1 - p)) ** 0.5


def donors_by_hand(words, pool, group_of, target):
    left = [int(row) for row in pool if group_of[row] != group_of[target]]
    if len(left) < len(words):
        return [-1] * len(words)
    found = []
    for j, word in enumerate(words):
        pick = j + ((int(word) >> 32) * (len(left) - j) >> 32)
        left[j], left[pick] = left[pick], left[j]
        found.append(left[j])
    return found


def mixed_by_hand(image, words, givers, threshold, blocks):
    """Algorithm 1 of one image: round after round, block after block, pixel after pixel."""
    length, width = blocks
    channels, height, across = image.shape
    corners = [(y, x) for y in range(0, height, length) for x in range(0, across, width)]
    for round_words in words:
        for (top, left), word in zip(corners, round_words, strict=True):
            if int(word) >> 32 >= threshold:
                continue
            giver = givers[(int(word) % 2**32) * len(givers) >> 32]
            for c in range(channels):
                for y in range(top, min(top + length, height)):
                    for x in range(left, min(left + width, across)):
                        image[c, y, x] = giver[c, y, x]
    return image


@st.composite
def problems(draw):
    """Images of any shape, and blocks that need not divide them nor be smaller."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    m, height, width = draw(st.integers(2, 6)), draw(st.integers(1, 14)), draw(st.integers(1, 14))
    shape = (m, draw(st.sampled_from([1, 3])), height, width)
    originals = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    length = draw(st.sampled_from([1, 4, 5, 16]))
    across = draw(st.sampled_from([1, 3, 4, 16]))
    blocks = -(-height // length) * -(-width // across)
    own = rng.permutation(m)[: draw(st.integers(1, m))]
    words = words_of(rng, len(own), draw(st.integers(1, 3)), blocks)
    donors = rng.integers(0, m, (len(own), draw(st.integers(1, 4))))
    threshold = draw(st.sampled_from([0, HALF, 2**32]))
    return originals, own, words, donors, threshold, length, across


@pytest.mark.parametrize("strip_bytes", [1, mix.LEAST_STRIP_BYTES], ids=["rows", "strips"])
@pytest.mark.parametrize("stream_bytes", [0, mix.STREAM_BYTES], ids=["past_cache", "by_cache"])
@given(problem=problems())
@settings(max_examples=120, deadline=None)
def test_the_kernels_equal_algorithm_1_played_round_by_round(stream_bytes, strip_bytes, problem):
    originals, own, words, donors, threshold, length, width = problem
    sources = np.empty((len(own), words.shape[2]), np.int64)
    choose_sources(words, donors, threshold, sources)
    out = np.empty((len(own), *originals.shape[1:]), originals.dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mix, "STREAM_BYTES", stream_bytes)
        patch.setattr(mix, "STRIPS_BYTES", strip_bytes)
        patch.setattr(mix, "LEAST_STRIP_BYTES", strip_bytes)
        mix_blocks(originals, own, sources, length, width, out)
    for i, row in enumerate(own):
        givers, blocks = originals[donors[i]], (length, width)
        expected = mixed_by_hand(originals[row].copy(), words[i], givers, threshold, blocks)
        assert np.array_equal(out[i], expected)


@pytest.mark.parametrize("skew", [0, 1, 16, 63])
@pytest.mark.parametrize("stream_bytes", [0, 2**40], ids=["past_cache", "by_cache"])
def test_nothing_is_written_beside_the_images_wherever_they_start(skew, stream_bytes, monkeypatch):
    monkeypatch.setattr(mix, "STREAM_BYTES", stream_bytes)
    rng = np.random.default_rng(skew)
    originals = rng.integers(0, 256, (3, 3, 50, 70), dtype=np.uint8)
    sources = rng.integers(-1, 3, (3, 5 * 6))
    frame = np.full(originals.size + 192, 171, np.uint8)
    start = -frame.ctypes.data % 64 + skew
    end = start + originals.size
    mix_blocks(originals, np.arange(3), sources, 11, 12, frame[start:end].reshape(originals.shape))
    full = np.where(sources < 0, np.arange(3)[:, None], sources).reshape(3, 5, 6)
    per_pixel = full.repeat(11, axis=1).repeat(12, axis=2)[:, None, :50, :70]
    expected = np.take_along_axis(originals, np.broadcast_to(per_pixel, originals.shape), axis=0)
    assert np.array_equal(frame[start:end], expected.reshape(-1))
    assert (frame[:start] == 171).all()
    assert (frame[end:] == 171).all()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a page that nobody may touch")
@pytest.mark.parametrize("width", [1, 3, 12, 16, 31])
@pytest.mark.parametrize("stream_bytes", [0, 2**40], ids=["past_cache", "by_cache"])
def test_no_byte_is_touched_behind_the_originals_or_the_result(width, stream_bytes, monkeypatch):
    monkeypatch.setattr(mix, "STREAM_BYTES", stream_bytes)
    rng = np.random.default_rng(width)
    with before_a_wall(3 * 2 * 9 * 31) as first, before_a_wall(3 * 2 * 9 * 31) as second:
        originals, out = first.reshape(3, 2, 9, 31), second.reshape(3, 2, 9, 31)
        originals[:] = rng.integers(0, 256, originals.shape)
        sources = np.full((3, 3 * -(-31 // width)), 2)
        mix_blocks(originals, np.arange(3), sources, 4, width, out)
        assert (out == originals[2]).all()


@contextmanager
def before_a_wall(size):
    """Lend `size` bytes behind which a page begins whose touch ends the process."""
    pages = -(-size // mmap.PAGESIZE) + 1
    room = mmap.mmap(-1, pages * mmap.PAGESIZE)
    octets = np.frombuffer(room, np.uint8)
    wall = ctypes.c_void_p(octets.ctypes.data + (pages - 1) * mmap.PAGESIZE)
    protect, forbidden, open_again = ctypes.CDLL(None).mprotect, 0, 3
    assert protect(wall, ctypes.c_size_t(mmap.PAGESIZE), forbidden) == 0
    end = (pages - 1) * mmap.PAGESIZE
    yield octets[end - size : end]
    assert protect(wall, ctypes.c_size_t(mmap.PAGESIZE), open_again) == 0


def test_channels_innermost_are_one_plane_of_wider_blocks():
    rng = np.random.default_rng(3)
    planar = rng.integers(0, 256, (5, 3, 10, 14), dtype=np.uint8)
    sources = rng.integers(-1, 5, (5, 3 * 4))
    out, inner = np.empty_like(planar), np.empty((5, 1, 10, 14 * 3), np.uint8)
    mix_blocks(planar, np.arange(5), sources, 4, 4, out)
    innermost = np.ascontiguousarray(planar.transpose(0, 2, 3, 1)).reshape(inner.shape)
    mix_blocks(innermost, np.arange(5), sources, 4, 12, inner)
    assert np.array_equal(inner.reshape(5, 10, 14, 3).transpose(0, 3, 1, 2), out)


def test_the_last_round_that_hits_wins():
    always, never = 0, 2**32 - 1 << 32
    words = np.array([[[always, always], [always | 2**31, never]]], np.uint64)
    out = np.empty((1, 2), np.int64)
    choose_sources(words, np.array([[7, 8]]), HALF, out)
    assert out.tolist() == [[8, 7]]


@pytest.mark.parametrize(("threshold", "own"), [(0, True), (2**32, False)])
def test_probabilities_0_and_1_are_exact(threshold, own):
    words = np.array([[[0, 2**64 - 1]]], np.uint64)
    out = np.empty((1, 2), np.int64)
    choose_sources(words, np.array([[4]]), threshold, out)
    assert ((out == -1) == own).all()


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_block_stays_with_probability_1_minus_p_to_the_rounds(rounds, p):
    threshold = round(p * 2**32)
    words = words_of(np.random.default_rng(rounds), 500, rounds, 200)
    out = np.empty((500, 200), np.int64)
    choose_sources(words, np.zeros((500, 3), np.int64), threshold, out)
    stays = (1 - threshold / 2**32) ** rounds
    assert is_binomial((out == -1).sum(), out.size, stays)


@pytest.mark.parametrize("rounds", [1, 3])
def test_each_donor_gives_equally_often(rounds):
    words = words_of(np.random.default_rng(10 + rounds), 500, rounds, 200)
    out = np.empty((500, 200), np.int64)
    choose_sources(words, np.tile(np.arange(10), (500, 1)), HALF, out)
    assert is_uniform(np.bincount(out[out >= 0], minlength=10))


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_donors_equal_the_shuffle_by_hand(seed, m, n_donors):
    rng = np.random.default_rng(seed)
    group_of = rng.integers(0, 6, 20)
    pool, targets = np.sort(rng.permutation(20)[:m]), rng.integers(0, 20, 7)
    words, out = words_of(rng, 7, n_donors), np.empty((7, n_donors), np.int64)
    draw_donors(words, pool, group_of, targets, out)
    expected = [
        donors_by_hand(*pair)
        for pair in zip(words, [pool] * 7, [group_of] * 7, targets, strict=True)
    ]
    assert out.tolist() == expected


def test_donors_are_distinct_rows_of_the_pool_and_never_of_the_own_group():
    rng = np.random.default_rng(4)
    group_of = rng.integers(0, 40, 300)
    pool = np.flatnonzero(rng.random(300) < 0.5)
    out = np.empty((len(pool), 10), np.int64)
    draw_donors(words_of(rng, len(pool), 10), pool, group_of, pool, out)
    assert np.isin(out, pool).all()
    assert (group_of[out] != group_of[pool][:, None]).all()
    assert all(len(set(row)) == 10 for row in out.tolist())


def test_every_set_of_donors_is_equally_likely():
    """Of 8 rows 2 share the target's group: 3 of 6 in 20 sets, in any order 120."""
    rng = np.random.default_rng(6)
    group_of = np.array([0, 1, 2, 0, 3, 4, 5, 6])
    out = np.empty((60_000, 3), np.int64)
    draw_donors(words_of(rng, *out.shape), np.arange(8), group_of, np.zeros(60_000, np.int64), out)
    counts = np.unique(out @ np.array([64, 8, 1]), return_counts=True)[1]
    assert len(counts) == 120
    assert is_uniform(counts)
    assert is_uniform(np.unique(np.sort(out) @ np.array([64, 8, 1]), return_counts=True)[1])


def test_too_few_others_give_a_line_of_minus_one():
    group_of, out = np.array([0, 0, 1, 2]), np.empty((2, 3), np.int64)
    words = words_of(np.random.default_rng(0), 2, 3)
    draw_donors(words, np.arange(4), group_of, np.array([0, 2]), out)
    assert out[0].tolist() == [-1, -1, -1]
    assert sorted(out[1].tolist()) == [0, 1, 3]


def mixing(**other):
    """Return valid arguments of mix_blocks, some replaced."""
    given = {
        "originals": np.zeros((4, 3, 6, 8), np.uint8),
        "own": np.arange(2),
        "sources": np.zeros((2, 6), np.int64),
        "block_length": 3,
        "block_width": 3,
        "out": np.empty((2, 3, 6, 8), np.uint8),
    }
    mix_blocks(**given)
    return given | other


@pytest.mark.parametrize(
    "other",
    [
        {"originals": np.zeros((4, 3, 6, 8), np.float32)},
        {"originals": np.zeros((4, 3, 6, 8), ">u2")},
        {"originals": np.zeros((4, 3, 6, 16), np.uint8)[..., ::2]},
        {"originals": np.zeros((4, 6, 8), np.uint8)},
        {"originals": np.zeros((4, 3, 0, 8), np.uint8), "sources": np.zeros((2, 0), np.int64)},
        {"own": np.array([0, 4])},
        {"own": np.array([-1, 0])},
        {"own": np.arange(3)},
        {"own": np.arange(2, dtype=np.int32)},
        {"sources": np.full((2, 6), 4)},
        {"sources": np.full((2, 6), -2)},
        {"sources": np.zeros((2, 5), np.int64)},
        {"sources": np.zeros((2, 6), np.uint64)},
        {"block_length": 0},
        {"block_width": -3},
        {"out": np.empty((2, 3, 6, 8), np.uint16)},
        {"out": np.empty((1, 3, 6, 8), np.uint8)},
        {"out": np.empty((2, 3, 8, 6), np.uint8).transpose(0, 1, 3, 2)},
        {"out": np.broadcast_to(np.uint8(0), (2, 3, 6, 8))},
    ],
)
def test_blocks_that_could_be_copied_from_or_to_elsewhere_are_refused(other):
    with pytest.raises(ValueError, match=r"originals|own|sources|block|out"):
        mix_blocks(**mixing(**other))


def test_no_image_is_mixed_where_none_is_asked_for():
    none = {"own": np.empty(0, np.int64), "sources": np.empty((0, 6), np.int64)}
    mix_blocks(**mixing(**none, out=np.empty((0, 3, 6, 8), np.uint8)))


def test_images_are_never_mixed_into_their_originals():
    arguments = mixing()
    arguments["out"] = arguments["originals"][:2]
    with pytest.raises(ValueError, match="share no memory"):
        mix_blocks(**arguments)


def test_a_result_that_may_not_be_written_is_refused():
    arguments = mixing()
    arguments["out"].flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        mix_blocks(**arguments)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (0, np.zeros((2, 6), np.uint64)),
        (0, np.zeros((2, 1, 6), np.int64)),
        (1, np.zeros((3, 4), np.int64)),
        (1, np.zeros((2, 0), np.int64)),
        (1, np.zeros((2, 4))),
        (2, 2**32 + 1),
        (2, -1),
        (3, np.empty((2, 5), np.int64)),
    ],
)
def test_choices_of_wrong_shape_or_range_are_refused(place, wrong):
    given = [
        np.zeros((2, 1, 6), np.uint64),
        np.zeros((2, 4), np.int64),
        HALF,
        np.empty((2, 6), "i8"),
    ]
    choose_sources(*given)
    given[place] = wrong
    with pytest.raises(ValueError, match=r"words|donors|threshold|out"):
        choose_sources(*given)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (0, np.zeros(2, np.uint64)),
        (0, np.zeros((2, 2))),
        (1, np.array([0, 1, 5])),
        (1, np.array([-1, 1, 3])),
        (1, np.array([3, 1, 0])),
        (1, np.array([1, 1, 3])),
        (2, np.zeros(3, np.int64)),
        (2, np.zeros((5, 1), np.int64)),
        (3, np.array([0, 5])),
        (3, np.array([0, -1])),
        (3, np.array([0])),
        (4, np.empty((2, 3), np.int64)),
    ],
)
def test_draws_of_wrong_shape_or_range_are_refused(place, wrong):
    given = [
        np.zeros((2, 2), np.uint64),
        np.array([0, 1, 3]),
        np.arange(5),
        np.array([0, 4]),
        np.empty((2, 2), np.int64),
    ]
    draw_donors(*given)
    given[place] = wrong
    with pytest.raises(ValueError, match=r"words|pool|group_of|targets|out"):
        draw_donors(*given)
