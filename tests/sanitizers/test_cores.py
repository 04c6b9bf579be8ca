from __future__ import annotations

import hashlib

import numpy as np
import pytest
import scipy.stats

from dpkit.errors import DpkitError
from dpkit.rng import Stream
from dpkit.sanitizers.cores import LAWS, MAX_DRAWS, Law, bounded, draw_cores, law_of
from dpkit.types import Secret

SECRET = Secret(bytes(range(32)))


def one(law, q):
    return draw_cores(LAWS[law], SECRET, (1, q)).core[0]


def test_gaussian_elements_are_normal_with_variance_one_over_q():
    elements = one("gaussian", 192).reshape(-1) * np.sqrt(192)
    assert scipy.stats.kstest(elements, "norm").pvalue > 0.01


def test_uniform_elements_are_uniform_between_0_and_1():
    elements = one("uniform", 192).reshape(-1)
    assert scipy.stats.kstest(elements, "uniform").pvalue > 0.01
    assert 0.0 < elements.min() < elements.max() < 1.0


@pytest.mark.parametrize("q", [1, 2, 48, 192])
def test_orthogonal_cores_are_orthogonal(q):
    core = one("orthogonal", q)
    assert np.allclose(core.T @ core, np.eye(q), atol=1e-13)


def test_orthogonal_cores_are_haar():
    """The trace of a Haar matrix has the moments 0, 1, 0, 3 of a normal one (Diaconis 1994).

    QR without the signs corrected misses the first of them by far.
    """
    trace = np.trace(draw_cores(LAWS["orthogonal"], SECRET, (8000, 4)).core, axis1=1, axis2=2)
    moments = [np.mean(trace**k) for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.2)


def test_orthogonal_cores_reflect_as_often_as_they_rotate():
    signs = np.linalg.det(draw_cores(LAWS["orthogonal"], SECRET, (3000, 3)).core)
    assert abs(np.mean(signs)) < 0.05


@pytest.mark.parametrize("condition", [1.0, 3.0, 10.0, 1000.0])
@pytest.mark.parametrize("q", [1, 2, 48, 192])
def test_bounded_cores_keep_the_stated_condition_and_the_scale_of_gaussian_ones(q, condition):
    core = draw_cores(law_of("bounded", condition), SECRET, (1, q)).core[0]
    assert np.linalg.cond(core) <= condition * (1 + 1e-6)
    assert np.mean(core**2) == pytest.approx(1 / q)


def test_the_singular_values_of_a_bounded_core_are_log_uniform():
    core = draw_cores(bounded(10.0), SECRET, (1, 500)).core[0]
    logs = np.log10(np.linalg.svd(core, compute_uv=False))
    assert scipy.stats.kstest(logs - logs.min(), "uniform", (0, np.ptp(logs))).pvalue > 0.01
    assert np.ptp(logs) > 0.95


def test_the_singular_vectors_of_a_bounded_core_are_haar():
    """Its elements are then of either sign alike, and no row or column stands out."""
    cores = draw_cores(bounded(10.0), SECRET, (4000, 4)).core
    assert np.abs(cores.mean(axis=0)).max() < 0.05
    assert np.allclose(np.mean(cores**2, axis=0), 1 / 4, atol=0.02)


@pytest.mark.parametrize("law", LAWS)
def test_no_element_is_zero(law):
    assert draw_cores(LAWS[law], SECRET, (64, 8)).core.all()


@pytest.mark.parametrize("law", LAWS)
def test_recorded_condition_numbers_are_those_of_numpy_and_within_the_limit(law):
    drawn = draw_cores(LAWS[law], SECRET, (64, 8))
    assert np.allclose(drawn.condition, np.linalg.cond(drawn.core))
    assert (drawn.condition <= LAWS[law].limit(8)).all()


@pytest.mark.parametrize("law", LAWS)
def test_a_large_core_is_within_its_limit_by_estimate(law):
    drawn = draw_cores(LAWS[law], SECRET, (1, 520))
    truth = np.linalg.cond(drawn.core[0])
    assert drawn.condition[0] == pytest.approx(truth, rel=0.02)
    assert truth <= 1.02 * LAWS[law].limit(520)


def test_a_badly_conditioned_draw_is_redrawn_and_counted():
    law = LAWS["gaussian"]
    drawn = draw_cores(law, SECRET, (256, 8))
    again = np.flatnonzero(drawn.draws > 1)
    assert len(again)
    for block in again:
        first = np.empty((8, 8))
        law.draw(Stream(SECRET, int(block) * MAX_DRAWS), first)
        assert np.linalg.cond(first) > law.limit(8)


def test_a_core_does_not_depend_on_how_many_others_are_drawn():
    many, few = (draw_cores(LAWS["gaussian"], SECRET, (n, 6)).core for n in (40, 3))
    assert np.array_equal(many[:3], few)


def test_blocks_have_cores_of_their_own():
    core = draw_cores(LAWS["uniform"], SECRET, (50, 4)).core
    assert len({block.tobytes() for block in core}) == 50


def fill_identity(_stream, core):
    core[:] = np.eye(len(core))


def fill_ones(_stream, core):
    core[:] = 1.0


@pytest.mark.parametrize("fill", [fill_identity, fill_ones])
def test_a_law_with_zero_elements_or_no_inverse_gives_up_after_its_draws(fill):
    with pytest.raises(DpkitError, match=f"in {MAX_DRAWS} draws; run again"):
        draw_cores(Law(fill, lambda _: 1e6), SECRET, (2, 4))


FROZEN = {
    "gaussian": "d34f159c922692b7c2a1193ecbb551d0832ff95f4309ed86915d3f1adb9879dc",
    "uniform": "8b1141cd735171d4fac82a0ad0054c2f1e426b1eeb077ac21566b2618423fa8a",
}


@pytest.mark.parametrize("law", FROZEN)
def test_a_core_follows_from_its_secret_on_any_machine(law):
    """Frozen: changing a draw would orphan every key that was made before."""
    core = draw_cores(LAWS[law], SECRET, (2, 12)).core
    assert hashlib.sha256(core.astype("<f8").tobytes()).hexdigest() == FROZEN[law]
