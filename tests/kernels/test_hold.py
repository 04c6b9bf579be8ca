"""Sample-and-hold beside Algorithm 1 written as loops, and what holds of it whatever it gets."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import skimage.data
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dpkit.kernels.hold import LARGEST_SIDE_BY_SIDE, LONG, SMALL, hold
from tests import naive

TYPES = ("u1", "u2", "f2", "f4")
WINDOWS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, LONG - 1, LONG, 100, SMALL, SMALL + 1, 500)


def held(samples, window):
    out = np.full_like(samples, 7)
    hold(samples, window, out)
    return out


def by_hand(samples, window):
    streams = samples.reshape(len(samples), -1)
    return np.stack([naive.held(s, window) for s in streams]).reshape(samples.shape)


def maps(rng, dtype, shape):
    """Rectified maps: whole levels, or floats of all sizes and both signs; a third is zero."""
    if dtype.startswith("u"):
        samples = rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True)
    else:
        samples = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3, shape)
    return (samples * (rng.random(shape) < 2 / 3)).astype(dtype)


def a_few(dtype):
    """Images of a few values that are near one another, so that ties and zeros are common."""
    values = st.integers(0, 6) if dtype.startswith("u") else st.integers(-3, 3)
    shapes = st.tuples(st.integers(1, 3), st.integers(1, 60))
    return arrays.arrays(np.dtype(dtype), shapes, elements=values.map(float))


streams = st.sampled_from(TYPES).flatmap(a_few)
windows = st.integers(1, 70)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("dtype", TYPES)
def test_a_held_map_is_that_of_the_loops(dtype, window):
    """Windows of every path, short ones at each image's end, and images that end anywhere."""
    rng = np.random.default_rng(window)
    for shape in ((5, 3, 7, 11), (2, 1, 32, 32), (40, 1, 1, 5)):
        samples = maps(rng, dtype, shape)
        assert np.array_equal(held(samples, window), by_hand(samples, window))


@pytest.mark.parametrize("dtype", TYPES)
def test_windows_above_the_limit_are_held_alike(dtype, monkeypatch):
    samples = maps(np.random.default_rng(1), dtype, (3, 2, 9, 11))
    expected = [held(samples, window) for window in (8, 50, 198)]
    for kind in "uf":
        monkeypatch.setitem(LARGEST_SIDE_BY_SIDE, kind, 0)
    for window, values in zip((8, 50, 198), expected, strict=True):
        assert np.array_equal(held(samples, window), values)


@pytest.mark.parametrize("dtype", ["f2", "f4"])
@pytest.mark.parametrize("window", [1, 8, 100])
def test_a_window_of_zeros_is_of_positive_ones_on_every_path(dtype, window, monkeypatch):
    samples = np.full((2, 200), -0.0, dtype)
    assert not np.signbit(held(samples, window)).any()
    monkeypatch.setitem(LARGEST_SIDE_BY_SIDE, "f", 0)
    assert not np.signbit(held(samples, window)).any()


@given(streams, windows)
@example(np.array([[3, 5]], "u1"), 2)
def test_any_stream_is_held_as_the_loops_hold_it(samples, window):
    assert np.array_equal(held(samples, window), by_hand(samples, window))


@given(streams, windows)
def test_holding_twice_changes_nothing_more(samples, window):
    once = held(samples, window)
    assert np.array_equal(held(once, window), once)


@given(streams)
def test_a_window_of_one_is_the_identity(samples):
    assert np.array_equal(held(samples, 1), samples)


@given(streams, windows)
def test_a_window_becomes_one_of_its_samples_and_zero_only_where_it_has_no_other(samples, window):
    for before, after in zip(samples, held(samples, window), strict=True):
        for start in range(0, len(before), window):
            old, new = before[start : start + window], after[start : start + window]
            assert len(set(new)) == 1
            assert new[0] in old
            assert (new[0] == 0) == (not old.any())


@given(streams, windows)
def test_no_sample_is_nearer_to_the_mean(samples, window):
    """In exact fractions: these samples are small whole numbers in every type."""
    for before, after in zip(samples, held(samples, window), strict=True):
        for start in range(0, len(before), window):
            present = [Fraction(x.item()) for x in before[start : start + window] if x]
            if present:
                mean = sum(present) / len(present)
                chosen = (abs(Fraction(after[start].item()) - mean), after[start])
                assert chosen == min((abs(x - mean), x) for x in present)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("order", [(3, 5), (5, 3), (5, 0, 3), (3, 3, 5, 5)])
def test_of_two_samples_as_near_the_lower_is_held(order, dtype):
    """Whichever comes first in the stream."""
    assert set(held(np.array([order], dtype), 4)[0].tolist()) == {3}


def test_the_mean_is_not_rounded_for_whole_numbers():
    """255 samples of 16 bits whose mean is 1/255 below a whole number, and 1/255 above it."""
    level = 65000
    for nudge in (-1, 1):
        window = np.full((1, 255), level, "u2")
        window[0, 0] = level + nudge
        assert (held(window, 255) == level).all()
    apart = np.array([[level - 1] * 127 + [level + 1] * 128], "u2")
    assert (held(apart, 255) == level + 1).all()


def test_an_image_is_unfolded_along_its_width_then_its_height_then_its_channels():
    image = np.arange(1, 25, dtype="u1").reshape(1, 2, 3, 4)
    assert held(image, 6).ravel().tolist() == [3] * 6 + [9] * 6 + [15] * 6 + [21] * 6


def test_no_window_reaches_into_the_next_image():
    one = held(np.array([[9, 9, 9], [1, 1, 1]], "u1"), 2)
    assert one.tolist() == [[9, 9, 9], [1, 1, 1]]


def test_the_last_window_may_be_short():
    assert held(np.array([[1, 1, 1, 9, 9]], "u1"), 3).tolist() == [[1, 1, 1, 9, 9]]


def test_a_window_longer_than_an_image_is_the_image():
    assert held(np.array([[1, 2, 3], [4, 4, 5]], "u1"), 100).tolist() == [[2] * 3, [4] * 3]


def test_a_negative_zero_is_a_zero():
    assert held(np.array([[-0.0, 2.0, -0.0, -0.0]], "f4"), 2).tolist() == [[2, 2, 0, 0]]


def test_an_image_does_not_depend_on_those_beside_it():
    photograph = skimage.data.astronaut().transpose(2, 0, 1)
    pieces = np.ascontiguousarray(photograph[:, :96].reshape(3, 3, 32, 512).swapaxes(0, 1))
    for window in (8, 10):
        alone = np.concatenate([held(piece[None], window) for piece in pieces])
        assert np.array_equal(held(pieces, window), alone)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_no_samples_are_held_as_they_are(shape):
    assert held(np.empty(shape, "u1"), 8).shape == shape


class TestRefused:
    samples = np.ones((2, 6), "u1")

    def test_a_window_without_samples(self):
        with pytest.raises(ValueError, match="a window of 0 holds no sample"):
            hold(self.samples, 0, np.empty_like(self.samples))

    @pytest.mark.parametrize("dtype", ["i2", "f8", "u4"])
    def test_samples_of_another_type(self, dtype):
        samples = np.ones((2, 6), dtype)
        with pytest.raises(ValueError, match="not u8, u16, f16 or f32"):
            hold(samples, 2, np.empty_like(samples))

    def test_out_of_another_shape(self):
        with pytest.raises(ValueError, match="out: "):
            hold(self.samples, 2, np.empty((2, 5), "u1"))

    def test_samples_that_do_not_follow_one_another(self):
        with pytest.raises(ValueError, match="samples: strided"):
            hold(self.samples[:, ::2], 2, np.empty((2, 3), "u1"))

    def test_out_that_is_read_from(self):
        with pytest.raises(ValueError, match="share no memory"):
            hold(self.samples, 2, self.samples)
