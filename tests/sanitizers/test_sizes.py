from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.sanitizers.sizes import (
    check_kappa,
    check_memory,
    core_bytes,
    divisors_of,
    product_images,
)


@given(st.integers(1, 5000))
def test_divisors_are_those_that_divide(n):
    assert divisors_of(n) == [d for d in range(1, n + 1) if n % d == 0]


@given(st.integers(1, 2000), st.integers(1, 4000))
def test_a_kappa_passes_exactly_where_it_divides(elements, kappa):
    if kappa <= elements and elements % kappa == 0:
        return check_kappa(kappa, elements)
    with pytest.raises(UsageError) as refused:
        check_kappa(kappa, elements)
    named = [int(n) for n in re.findall(r"\d+", str(refused.value).partition("do:")[2])]
    assert named
    for near in named:
        check_kappa(near, elements)
    return None


def test_the_nearest_kappas_below_and_above_are_named():
    with pytest.raises(UsageError, match="kappa 7 does not divide the 3072 values") as refused:
        check_kappa(7, 3072)
    assert str(refused.value).endswith("the nearest that do: 3, 4, 6, 8, 12, 16")


@pytest.mark.parametrize("is_distinct", [False, True])
def test_a_core_beyond_memory_is_refused_with_a_kappa_that_fits(is_distinct):
    elements = 3 * 2**24
    with pytest.raises(UsageError, match="GiB") as refused:
        check_memory(1, elements, is_distinct=is_distinct)
    smallest = int(str(refused.value).rpartition(" ")[2])
    check_memory(smallest, elements, is_distinct=is_distinct)
    with pytest.raises(UsageError):
        check_memory(smallest // 2, elements, is_distinct=is_distinct)


def test_a_geometry_with_no_fitting_kappa_is_told_to_shrink():
    with pytest.raises(UsageError, match="choose a smaller size"):
        check_memory(1, 2**44, is_distinct=True)


def test_distinct_cores_take_kappa_times_the_bytes():
    assert core_bytes(16, 49152, is_distinct=False) == 8 * 3072**2
    assert core_bytes(16, 49152, is_distinct=True) == 16 * 8 * 3072**2


@pytest.mark.parametrize(("kappa", "elements"), [(16, 49152), (64, 150528), (1, 3072)])
def test_large_cores_meet_at_least_1024_blocks(kappa, elements):
    assert product_images(kappa, elements, is_distinct=False) * kappa >= 1024


@pytest.mark.parametrize(("kappa", "elements"), [(4, 3072), (16, 3072), (64, 49152)])
def test_small_cores_meet_a_float_tile_of_about_two_mebibytes(kappa, elements):
    tile_bytes = 4 * elements * product_images(kappa, elements, is_distinct=False)
    assert 2**20 <= tile_bytes <= 2**21 + 4 * elements


@given(st.integers(1, 4000), st.integers(1, 64))
def test_a_tile_has_at_least_one_image(q, kappa):
    for is_distinct in (False, True):
        assert product_images(kappa, q * kappa, is_distinct=is_distinct) >= 1
