from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from dpkit.kernels.normal import to_normal


def deviates(probabilities):
    values = np.array(probabilities, dtype=np.float64)
    to_normal(values, 1.0)
    return values


def test_deviates_agree_with_scipy_over_the_whole_range():
    tail = 10.0 ** -np.linspace(0.31, 15.9, 50_000)
    p = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 50_001), tail, 1.0 - tail[tail > 1e-15]])
    expected = ndtri(p)
    assert np.max(np.abs(deviates(p) - expected) / np.maximum(np.abs(expected), 1.0)) < 1e-14


@pytest.mark.parametrize(
    ("p", "z"),
    [(0.25, -0.6744897501960817), (0.001, -3.090232306167814), (1e-20, -9.262340089798408)],
)
def test_published_check_values_are_met(p, z):
    """The three values that AS 241 prints for the user to try."""
    assert deviates([p])[0] == pytest.approx(z, rel=1e-15)


@given(st.integers(0, 2**51 - 1))
def test_mirrored_probabilities_give_opposite_deviates(k):
    p = (k + 0.5) * 2.0**-52
    low, high = deviates([p, 1.0 - p])
    assert low == -high


def test_no_deviate_of_a_stream_word_is_zero_or_infinite():
    ends = np.array([0, 1, 2**51 - 1, 2**51, 2**52 - 1])
    values = deviates((ends + 0.5) * 2.0**-52)
    assert np.isfinite(values).all()
    assert values.all()


def test_deviates_are_the_same_bits_everywhere():
    """Frozen: a core must follow from its seed on any processor and library version."""
    digest = hashlib.sha256(deviates((np.arange(4096) + 0.5) / 4096).tobytes()).hexdigest()
    assert digest == "0fefd4ec5394961a29cf321db8698e2709f431df3dc843763f61879a4a8cb7af"
