"""The figures of MoLe's section 5.3, and what its own terms give."""

import pytest

from bench.mole_costs import (
    CIFAR,
    IMAGENET,
    PAPERS_IMAGENET,
    augconv_elements,
    byte_overhead,
    data_overhead,
    developer_extra_macs,
    first_layer_macs,
    papers_data_overhead,
    papers_provider_macs,
    provider_macs,
    table,
)
from dpkit.nets.vgg import CONVOLUTIONS, MOST, WIDTH


def vgg_macs(side=32, before=3):
    """Count the convolutions of VGG-16, one by one."""
    total = 0
    for stack, count in enumerate(CONVOLUTIONS[16]):
        after = WIDTH * min(2**stack, MOST)
        for _ in range(count):
            total += 9 * before * after * side**2
            before = after
        side //= 2
    return total


def test_vgg_16_has_the_papers_multiplications():
    assert vgg_macs() == pytest.approx(CIFAR.network, rel=1e-3)


def test_nine_percent_is_equation_16_alone():
    assert papers_provider_macs(CIFAR) == 3 * 3072**2 == 28_311_552
    assert papers_provider_macs(CIFAR) / CIFAR.network == pytest.approx(0.09, abs=5e-4)


def test_a_block_diagonal_matrix_costs_kappa_q_squared():
    assert provider_macs(CIFAR) == 3072**2
    assert provider_macs(CIFAR, 16) == 16 * 192**2
    assert papers_provider_macs(CIFAR) / provider_macs(CIFAR) == 3  # too high
    assert provider_macs(CIFAR, 16) / papers_provider_macs(CIFAR, 16) == pytest.approx(16 / 3)


def test_the_developer_pays_most():
    assert first_layer_macs(CIFAR) == 1_769_472
    assert developer_extra_macs(CIFAR) == (32**2 - 3**2) * 3 * 64 * 32**2 == 199_557_120
    assert developer_extra_macs(CIFAR) / CIFAR.network == pytest.approx(0.637, abs=5e-4)


def test_ten_times_is_equation_17_alone():
    assert developer_extra_macs(IMAGENET) == pytest.approx(120.7e9, rel=1e-3)
    assert developer_extra_macs(IMAGENET) / IMAGENET.network == pytest.approx(10.7, abs=0.05)


def test_five_percent_counts_another_matrix():
    assert papers_data_overhead(CIFAR) == pytest.approx(0.0512)
    assert papers_data_overhead(IMAGENET, PAPERS_IMAGENET) == pytest.approx(0.0106, abs=1e-4)
    assert papers_data_overhead(IMAGENET) == pytest.approx(0.117, abs=1e-3)


def test_the_augmented_layer_outweighs_cifar():
    assert augconv_elements(CIFAR) == 201_326_592
    assert data_overhead(CIFAR) == pytest.approx(1.092, abs=1e-3)
    assert byte_overhead(CIFAR) == pytest.approx(4.37, abs=5e-3)


def test_the_layer_of_imagenet_takes_483_gigabytes():
    assert 4 * augconv_elements(IMAGENET) == pytest.approx(483e9, rel=1e-3)


def test_the_table_sets_both_side_by_side():
    assert "| CIFAR-10, VGG-16 | 5.12 % | 201.3 M = 109.2% |" in table()
