from __future__ import annotations

import numpy as np
import pytest

from dpkit.kernels import condition


def gaussian(q):
    return np.random.default_rng(q).standard_normal((q, q))


def uniform(q):
    return np.random.default_rng(q).random((q, q))


@pytest.mark.parametrize("law", [gaussian, uniform])
@pytest.mark.parametrize("q", [513, 640])
def test_the_estimate_is_at_most_two_percent_low(law, q):
    matrix = law(q)
    ratio = condition.estimate(matrix) / np.linalg.cond(matrix)
    assert 0.98 < ratio < 1 + 1e-6


def test_small_matrices_are_measured_exactly():
    found = condition.exact(np.stack([np.diag([4.0, 2.0]), np.diag([9.0, 1.0])]))
    assert found == pytest.approx([2.0, 9.0])


def test_a_singular_matrix_is_infinitely_badly_conditioned():
    assert condition.estimate(np.zeros((3, 3))) == np.inf
    assert condition.exact(np.ones((1, 2, 2)))[0] > 1e15


def test_the_orthogonal_bound_is_never_below_the_truth():
    q = np.linalg.qr(gaussian(64))[0]
    assert condition.orthogonality(q) == pytest.approx(1.0, abs=1e-12)
    bent = q @ np.diag(np.r_[1.05, np.ones(63)])
    assert condition.orthogonality(bent) >= np.linalg.cond(bent)
    assert condition.orthogonality(2 * q) == np.inf
