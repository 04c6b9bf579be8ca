"""The order falls where it must, and the check refuses where it must."""

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.channel_order import (
    ACCEPTED,
    _RowSpace,
    find_order,
    order_by_bias,
    recover_order,
    window_side,
)
from dpkit.types import AugConv
from tests.leakage.attacks.setting import first_conv, handed_over, he, smooth

RNG = np.random.default_rng(11)
LAYERS = {
    "grey": (first_conv(he(RNG, 16, 1, 3), 8, padding=1), 1),
    "rgb": (first_conv(he(RNG, 44, 3, 3), 8, padding=1), 1),
    "few maps": (first_conv(he(RNG, 10, 3, 3), 12, padding=1), 5),
    "trained": (first_conv(smooth(RNG, 32, 3, 3), 12, padding=1), 2),
    "stem": (first_conv(he(RNG, 64, 3, 7), 16, padding=3, stride=2), 3),
    "dilated": (first_conv(he(RNG, 16, 1, 3), 10, dilation=2), 1),
    "grouped": (first_conv(he(RNG, 36, 1, 3), 8, padding=1, groups=3), 2),
    "few more patches": (first_conv(he(RNG, 18, 1, 4), 16, stride=4), 1),
    "patches": (first_conv(he(RNG, 40, 1, 4), 16, stride=4), 1),
}


def handed(name, **how):
    return handed_over(LAYERS[name][0], n=1, **how)


@pytest.mark.parametrize("name", LAYERS)
def test_a_window_is_as_small_as_the_redundancy_allows(name):
    conv, side = LAYERS[name]
    assert window_side(conv) == side


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("kappa", [1, 4])
@pytest.mark.parametrize("name", LAYERS)
def test_falls_from_the_two_layers_alone(name, kappa, dtype):
    given_away = handed(name, kappa=kappa, dtype=dtype)
    found = find_order(given_away.view.augconv, given_away.view.first_conv)
    assert found.is_found
    assert found.method == "projector"
    assert np.array_equal(found.order, given_away.order)
    assert found.energy <= (1e-12 if dtype == np.float32 else 1e-6)


@pytest.mark.parametrize("cores", ["shared", "distinct"])
@pytest.mark.parametrize(("blocks", "kappa"), [("raster", 3), ("patch", 16), ("patch", 4)])
def test_falls_whatever_the_blocks_and_cores(blocks, kappa, cores):
    conv = first_conv(he(RNG, 40, 3, 3), 12, padding=1)
    given_away = handed_over(conv, kappa=kappa, blocks=blocks, cores=cores, n=1)
    found = find_order(given_away.view.augconv, conv)
    assert found.is_found
    assert np.array_equal(found.order, given_away.order)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    channels=st.sampled_from([1, 3]),
)
def test_falls_at_any_geometry_with_enough_maps(seed, kernel, stride, padding, channels):
    stride = min(stride, kernel)
    rng = np.random.default_rng(seed)
    maps = 2 * channels * kernel * kernel + 3
    conv = first_conv(he(rng, maps, channels, kernel), 8, stride=stride, padding=min(padding, 1))
    given_away = handed_over(conv, seed=seed, n=1)
    found = find_order(given_away.view.augconv, conv)
    assert found.is_found
    assert np.array_equal(found.order, given_away.order)


class TestAPatchEmbedding:
    """Its kernels do not overlap: with no more maps than pixels the layer keeps the order."""

    conv = first_conv(he(np.random.default_rng(3), 16, 1, 4), 16, stride=4)
    how: ClassVar = {"kappa": 16, "blocks": "patch"}

    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    def test_gives_it_under_an_orthogonal_core(self, dtype):
        given_away = handed_over(self.conv, law="orthogonal", dtype=dtype, n=1, **self.how)
        found = recover_order(given_away.view)
        assert (found.method, found.is_found) == ("gram", True)
        assert np.array_equal(found.order, given_away.order)

    def test_gives_it_by_its_bias(self):
        conv = first_conv(self.conv.weight, 16, stride=4, bias=np.arange(16.0)[::-1])
        given_away = handed_over(conv, n=1, **self.how)
        found = recover_order(given_away.view)
        assert (found.method, found.is_found, found.energy) == ("bias", True, None)
        assert np.array_equal(found.order, given_away.order)

    def test_keeps_it_from_the_two_layers_otherwise(self):
        given_away = handed_over(self.conv, n=1, **self.how)
        found = find_order(given_away.view.augconv, self.conv)
        assert (found.method, found.is_found, found.order) == ("none", False, None)

    def test_gives_it_through_the_statistics_of_its_features_unconfirmed(self):
        given_away = handed_over(self.conv, n=60, **self.how)
        found = recover_order(given_away.view)
        assert (found.method, found.is_found) == ("statistics", False)
        assert np.mean(found.order == given_away.order) >= 0.9
        assert "guessed" in ATTACKS["channel-order"].run(given_away.view, Effort()).sentence

    def test_gives_it_in_colour_too_where_kernels_are_few(self):
        conv = first_conv(he(np.random.default_rng(1), 24, 3, 4), 32, stride=4)
        given_away = handed_over(conv, kappa=64, blocks="patch", n=60)
        found = recover_order(given_away.view)
        assert np.mean(found.order == given_away.order) >= 0.9


class TestTheCheckRefuses:
    def test_a_wrong_first_layer(self):
        given_away = handed("rgb")
        other = first_conv(he(np.random.default_rng(99), 44, 3, 3), 8, padding=1)
        found = find_order(given_away.view.augconv, other)
        assert not found.is_found
        assert found.energy > 0.03

    def test_a_wrong_first_layer_of_the_trained_kind(self):
        given_away = handed("trained")
        other = first_conv(smooth(np.random.default_rng(99), 32, 3, 3), 12, padding=1)
        found = find_order(given_away.view.augconv, other)
        assert not found.is_found
        assert found.energy > 0.03

    def test_a_layer_of_random_matrices(self):
        conv = LAYERS["rgb"][0]
        noise = RNG.standard_normal((192, 44, 8, 8)).astype(np.float32)
        layer = AugConv(
            (noise,), np.zeros(1, np.int32), np.zeros((1, 2), np.int32), None, "raster",
            conv.input_shape, conv.output_shape, "r", {},
        )  # fmt: skip
        found = find_order(layer, conv)
        assert not found.is_found
        assert found.energy > 0.1

    def test_two_channels_in_each_others_place(self):
        given_away = handed("rgb", dtype=np.float16)
        rows = _RowSpace.read(given_away.view.augconv, given_away.view.first_conv, 1)
        assert rows.energy(given_away.order) < ACCEPTED / 10
        swapped = given_away.order.copy()
        swapped[[3, 7]] = swapped[[7, 3]]
        assert rows.energy(swapped) > 10 * ACCEPTED

    def test_a_bias_of_another_layer(self):
        conv = first_conv(LAYERS["rgb"][0].weight, 8, padding=1, bias=np.arange(44.0))
        other = first_conv(conv.weight, 8, padding=1, bias=np.arange(44.0) + 0.5)
        layer = handed_over(conv, n=1).view.augconv
        assert order_by_bias(layer, other) is None
        assert find_order(layer, other).method == "projector"

    def test_a_bias_whose_values_are_not_distinct(self):
        conv = first_conv(LAYERS["rgb"][0].weight, 8, padding=1, bias=np.zeros(44))
        given_away = handed_over(conv, n=1)
        assert order_by_bias(given_away.view.augconv, conv) is None
        assert np.array_equal(find_order(given_away.view.augconv, conv).order, given_away.order)

    def test_values_that_overflowed_their_storage(self):
        given_away = handed("rgb")
        given_away.view.augconv.matrices[0][5, 5, 5, 5] = np.inf
        with pytest.raises(UsageError, match="float32"):
            recover_order(given_away.view)


def test_duplicate_and_dead_kernels_do_not_hinder():
    weight = he(RNG, 40, 3, 3)
    weight[5], weight[9] = weight[4], 0.0
    conv = first_conv(weight, 8, padding=1)
    given_away = handed_over(conv, n=1)
    found = find_order(given_away.view.augconv, conv)
    assert found.is_found
    assert np.array_equal(conv.weight[found.order], conv.weight[given_away.order])
