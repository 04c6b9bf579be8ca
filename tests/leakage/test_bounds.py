"""The papers' numbers as the papers print them, and that they are logarithms all through."""

import math

import pytest

from dpkit.leakage.bounds import (
    largest_kappa,
    log2_guess_core,
    log2_rest_of_core,
    log10_channel_orders,
    log_arrangements,
)

CIFAR, IMAGENET = 3 * 32 * 32, 3 * 224 * 224


def test_guessing_a_core_of_cifar_is_two_to_the_minus_nine_million():
    """MoLe, section 5.2, κ = 1: 2^-(9e6)."""
    assert log2_guess_core(CIFAR) == -9_437_184
    assert log2_guess_core(CIFAR) == pytest.approx(-9.4e6, rel=0.01)


def test_the_rest_of_that_core_is_two_to_the_minus_six_million():
    """MoLe, section 5.2: 2^-(6e6), of q (q - n²) = 3072 · 2048."""
    assert log2_rest_of_core(CIFAR, 32 * 32) == -6_291_456
    assert log2_rest_of_core(CIFAR, 32 * 32) == pytest.approx(-6.3e6, rel=0.01)


@pytest.mark.parametrize(("side", "value"), [(224, -1.51e10), (112, -2.08e10)])
def test_the_paper_s_imagenet_figure_does_not_follow_from_its_equation(side, value):
    """It prints 2^-(7.5e9); Eq. 14 gives other numbers, whatever the size of the output."""
    assert log2_rest_of_core(IMAGENET, side**2) == pytest.approx(value, rel=0.005)


def test_where_a_channel_has_enough_equations_nothing_is_left_to_guess():
    assert str(log2_rest_of_core(192, 1024)) == "0.0"


def test_a_padded_layer_on_colour_images_allows_three_blocks_and_a_strided_one_twelve():
    assert largest_kappa(CIFAR, 32 * 32) == 3
    assert largest_kappa(CIFAR, 16 * 16) == 12


def test_the_order_of_64_channels_is_the_abstract_s_number():
    """MoLe, abstract and section 5.2: 1/64! = 7.9e-90."""
    assert 10 ** log10_channel_orders(64) == pytest.approx(7.9e-90, rel=0.005)
    assert log10_channel_orders(64) == pytest.approx(-math.log10(math.factorial(64)))


def test_the_order_of_thousands_of_channels_is_far_below_the_smallest_float():
    assert log10_channel_orders(4096) == pytest.approx(-math.log10(math.factorial(4096)))


@pytest.mark.parametrize("blocks", [4, 16, 64, 256, 1024])
def test_the_orders_of_a_mixed_image_are_its_factorial(blocks):
    """Mixing, Eq. 8, at the block counts of its Table IV for 192x192."""
    assert log_arrangements(blocks) == pytest.approx(-math.log(math.factorial(blocks)))


def test_many_mixed_images_multiply():
    """Mixing, Eq. 9: (1/N_b!)^N."""
    assert log_arrangements(64, 5000) == pytest.approx(5000 * log_arrangements(64))


def test_one_block_or_one_channel_leaves_nothing_to_guess():
    assert str(log_arrangements(1, 9)) == str(log10_channel_orders(1)) == "0.0"
