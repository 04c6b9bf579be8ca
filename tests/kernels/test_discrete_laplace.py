"""The sampler beside the paper's algorithms written in Python's whole numbers, and beside its law.

The statistical tests have fixed seeds, OpenDP's draws excepted; with other seeds each would fail
by chance less than once in a million.
"""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit, types
from scipy.stats import chi2, ks_2samp, kstwobign

from dpkit.kernels import discrete_laplace
from dpkit.kernels.discrete_laplace import (
    MOST_S,
    MOST_T,
    draw_discrete_laplace,
    most_sum,
    words_for,
)

ONCE_IN_A_MILLION = 1e-6
SCALES = [(1, 1), (1, 3), (51, 100), (7, 3), (765, 1), (122_400, 7)]


def words_of(seed, *shape):
    return np.random.default_rng(seed).integers(0, 2**64, shape, dtype=np.uint64)


def drawn(scale, lines, draws, seed=0):
    """Draw int64 [lines,draws], with more words than are needed."""
    out, done = np.empty((lines, draws), np.int64), np.zeros((lines, 2), np.int64)
    draw_discrete_laplace(words_of(seed, lines, 3 * words_for(draws)), scale, out, done)
    assert (done[:, 0] == draws).all()
    return out


class Twin:
    """Algorithms 1 and 2 in Python's own whole numbers, reading words one by one."""

    def __init__(self, words):
        self.words = iter([int(word) for word in words])

    def below(self, n):
        while n > 1:
            word = next(self.words)
            if word < 2**64 // n * n:
                return word % n
        return 0

    def bernoulli_exp(self, u, t):
        k = 1
        while self.below(k) == 0 and (u == t or self.below(t) < u):
            k += 1
        return k % 2 == 1

    def laplace(self, t, s):
        while True:
            u = self.below(t)
            if not self.bernoulli_exp(u, t):
                continue
            v = 0
            while self.bernoulli_exp(1, 1):
                v += 1
            y, is_negative = (u + t * v) // s, self.below(2)
            if y or not is_negative:
                return -y if is_negative else y


class TestTwin:
    @given(
        t=st.integers(1, MOST_T),
        s=st.integers(1, MOST_S),
        seed=st.integers(0, 2**32),
    )
    @settings(max_examples=60, deadline=None)
    def test_gives_the_same_draws_of_the_same_words(self, t, s, seed):
        words, out = words_of(seed, 1, 1500), np.zeros((1, 40), np.int64)
        done = np.zeros((1, 2), np.int64)
        draw_discrete_laplace(words, (t, s), out, done)
        twin = Twin(words[0])
        assert out[0, : done[0, 0]].tolist() == [twin.laplace(t, s) for _ in range(done[0, 0])]
        assert len(list(twin.words)) == 1500 - done[0, 1]

    @pytest.mark.parametrize("scale", SCALES)
    def test_gives_the_same_draws_at_the_scales_of_these_tests(self, scale):
        twins = [Twin(line) for line in words_of(0, 5, 3 * words_for(100))]
        assert drawn(scale, 5, 100).tolist() == [
            [twin.laplace(*scale) for _ in range(100)] for twin in twins
        ]

    @given(n=st.integers(1, MOST_T), offset=st.integers(-3, 3))
    @settings(deadline=None)
    def test_agrees_at_the_last_words_that_may_be_used(self, n, offset):
        word = min(max(2**64 // n * n + offset, 0), 2**64 - 1)
        line = np.array([word, 5], np.uint64)
        found, used = discrete_laplace._below(line, 0, np.uint64(n))
        twin = Twin(line)
        assert found == twin.below(n)
        assert used == 2 - len(list(twin.words))


class TestLaw:
    @pytest.mark.parametrize("scale", SCALES[:4])
    def test_is_the_discrete_laplace_law(self, scale):
        assert pearson(drawn(scale, 100, 2000), scale) > ONCE_IN_A_MILLION

    @pytest.mark.parametrize("scale", SCALES)
    def test_is_so_for_wide_scales_too(self, scale):
        assert kolmogorov(drawn(scale, 100, 2000), scale) > ONCE_IN_A_MILLION

    @pytest.mark.parametrize("scale", SCALES[3:])
    def test_a_scale_wrong_by_a_twentieth_would_be_seen(self, scale):
        wrong = (21 * scale[0], 20 * scale[1])
        assert kolmogorov(drawn(wrong, 100, 2000), scale) < ONCE_IN_A_MILLION

    def test_draws_of_a_line_are_independent_of_one_another(self):
        signs = np.sign(drawn((765, 1), 100, 2000)).astype(float)
        assert abs((signs[:, 1:] * signs[:, :-1]).mean()) < 5 / np.sqrt(signs.size)

    @pytest.mark.parametrize("scale", [(51, 100), (7, 3), (765, 1)])
    def test_is_that_of_opendp(self, scale):
        theirs = opendp_draws(scale, 50_000)
        assert ks_2samp(drawn(scale, 50, 1000).ravel(), theirs).pvalue > ONCE_IN_A_MILLION

    def test_another_scale_is_not_that_of_opendp(self):
        theirs = opendp_draws((765, 1), 50_000)
        found = ks_2samp(drawn((6 * 765, 5), 50, 1000).ravel(), theirs)
        assert found.pvalue < ONCE_IN_A_MILLION


def pearson(draws, scale):
    """Return the p-value of Pearson's statistic over the values that are likely enough."""
    p = exp(-scale[1] / scale[0])
    most = 0
    while draws.size * (1 - p) / (1 + p) * p ** (most + 1) > 10:
        most += 1
    inside = (1 - p) / (1 + p) * p ** np.abs(np.arange(-most, most + 1))
    expected = draws.size * np.append(inside, 1 - inside.sum())
    counts = np.bincount((draws[np.abs(draws) <= most] + most).ravel(), minlength=2 * most + 1)
    observed = np.append(counts, draws.size - counts.sum())
    return chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1)


def kolmogorov(draws, scale):
    """Return the p-value of the largest distance to the exact distribution; a jump lowers it."""
    p = exp(-scale[1] / scale[0])
    values, counts = np.unique(draws, return_counts=True)
    beyond = p ** np.where(values < 0, -values, values + 1) / (1 + p)
    exact = np.where(values < 0, beyond, 1 - beyond)
    distance = np.abs(counts.cumsum() / draws.size - exact).max()
    return kstwobign.sf(distance * np.sqrt(draws.size))


def opendp_draws(scale, count):
    """Draw from the independent program; its randomness is the operating system's."""
    dp = pytest.importorskip("opendp.prelude")
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    return np.array(dp.m.make_laplace(*space, scale=scale[0] / scale[1])([0] * count))


class TestWords:
    @pytest.mark.parametrize("at_a_time", [1, 7, 100])
    def test_may_come_a_few_at_a_time(self, at_a_time):
        words, out = words_of(3, 1, 400), np.zeros((1, 20), np.int64)
        whole, done = out.copy(), np.zeros((1, 2), np.int64)
        draw_discrete_laplace(words, (7, 3), whole, done)
        assert done[0, 0] == 20
        done[:], at, have = 0, 0, 0
        while done[0, 0] < 20:
            have += at_a_time
            draw_discrete_laplace(words[:, at:have].copy(), (7, 3), out, done)
            at += done[0, 1]
        assert np.array_equal(out, whole)

    @pytest.mark.parametrize("scale", [(765, 1), (2, 1), (122_400, 7)])
    def test_announced_as_enough_nearly_always_are(self, scale):
        out, done = np.empty((2000, 30), np.int64), np.zeros((2000, 2), np.int64)
        draw_discrete_laplace(words_of(4, 2000, words_for(30)), scale, out, done)
        assert (done[:, 0] == 30).mean() > 0.99

    @pytest.mark.parametrize("s", [1, 2, 1000, MOST_S])
    def test_that_say_yes_for_ever_stop_v_at_its_reach(self, s):
        """Two words make U = 0 and keep it; each pair 0, 1 is then one exp(-1) that came true."""
        most = 2**62 // MOST_T
        for last, sign in ((4, 1), (5, -1)):
            words = np.array([[0, 0] + [0, 1] * (most + 144) + [3, last]], np.uint64)
            out, done = np.zeros((1, 1), np.int64), np.zeros((1, 2), np.int64)
            draw_discrete_laplace(words, (MOST_T, s), out, done)
            assert done.tolist() == [[1, words.shape[1]]]
            assert out[0, 0] == sign * (most * MOST_T // s)
            assert abs(out[0, 0]) >= most_sum(s)

    def test_a_draw_at_its_reach_is_beyond_every_sum_that_is_allowed(self):
        for t, s in ((MOST_T, MOST_S), (1, MOST_S), (MOST_T, 1), (765, 1), (51, 100)):
            assert 2**62 // t * t // s >= most_sum(s)
            assert most_sum(s) + (2**62 // t * t + t) // s < 2**63


def test_no_floating_point_number_is_in_the_compiled_sampler(monkeypatch):
    """Compile it anew, from the inside out: what comes from the cache on disk has no types."""
    u, i, line = types.uint64, types.int64, types.uint64[::1]
    lines = (types.uint64[:, ::1], u, u, types.int64[:, ::1], types.int64[:, ::1])
    for name, signature in (
        ("_below", (line, i, u)),
        ("_is_kept", (line, i, u, u)),
        ("_draw", (line, i, u, u)),
        ("_draw_lines", lines),
    ):
        fresh = njit(getattr(discrete_laplace, name).py_func)
        monkeypatch.setattr(discrete_laplace, name, fresh)
        fresh.compile(signature)
        for version in fresh.overloads.values():
            kinds = version.type_annotation.typemap.values()
            assert not any(isinstance(kind, types.Float) for kind in kinds), name
            text = version.library.get_llvm_str()
            assert "double" not in text
            assert "float " not in text


class TestRefusals:
    @pytest.mark.parametrize("scale", [(0, 1), (1, 0), (MOST_T + 1, 1), (1, MOST_S + 1), (-1, 1)])
    def test_a_scale_outside_its_limits(self, scale):
        with pytest.raises(ValueError, match="scale"):
            draw_discrete_laplace(
                words_of(0, 1, 9), scale, np.zeros((1, 1), np.int64), np.zeros((1, 2), np.int64)
            )

    @pytest.mark.parametrize("finished", [-1, 3])
    def test_more_draws_done_than_there_are(self, finished):
        done = np.array([[finished, 0]])
        with pytest.raises(ValueError, match="done"):
            draw_discrete_laplace(words_of(0, 1, 9), (1, 1), np.zeros((1, 2), np.int64), done)

    def test_arrays_of_another_type(self):
        words, out, done = words_of(0, 1, 9), np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64)
        for wrong in (
            (words.astype(np.int64), out, done),
            (words, out.astype(np.int32), done),
            (words, out, done[:, :1]),
        ):
            with pytest.raises(ValueError, match=r"not C-contiguous|dimensions"):
                draw_discrete_laplace(wrong[0], (1, 1), wrong[1], wrong[2])
