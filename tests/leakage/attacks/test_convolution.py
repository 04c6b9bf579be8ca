"""The algebra of a first layer against its definition, and streaming against dense columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.leakage.attacks import columns
from dpkit.leakage.attacks.columns import gram
from dpkit.leakage.attacks.convolution import (
    interior_corners,
    kernel_matrix,
    tap_places,
    window_matrix,
)
from dpkit.types import block_places
from tests.leakage.attacks.setting import convolution_matrix, first_conv, handed_over, he


@st.composite
def layers(draw):
    channels, kernel = draw(st.sampled_from([1, 3])), draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, channels]))
    weight = he(np.random.default_rng(0), 2 * groups, channels // groups, kernel)
    return first_conv(
        weight, draw(st.integers(5, 7)), stride=draw(st.integers(1, 3)),
        padding=draw(st.integers(0, 2)), dilation=draw(st.integers(1, 2)), groups=groups,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(conv=layers())
def test_kernels_at_their_taps_are_the_convolution(conv):
    taps, kernels = tap_places(conv), kernel_matrix(conv)
    built = np.zeros((int(np.prod(conv.input_shape)) + 1, *conv.output_shape))
    for (tap, y, x), place in np.ndenumerate(taps):
        built[place, :, y, x] += kernels[tap]
    assert np.allclose(built[:-1], convolution_matrix(conv))


@settings(max_examples=40, deadline=None)
@given(conv=layers(), side=st.integers(1, 3))
def test_an_interior_window_is_the_same_matrix_everywhere(conv, side):
    matrix, expected = convolution_matrix(conv), window_matrix(conv, side)
    for y, x in interior_corners(conv, side):
        columns_of = matrix[:, :, y : y + side, x : x + side].reshape(len(matrix), -1)
        assert np.allclose(columns_of[columns_of.any(axis=1)], expected)


@pytest.mark.parametrize(("blocks", "kappa"), [("raster", 1), ("raster", 4), ("patch", 9)])
@pytest.mark.parametrize("side", [1, 2, 4])
def test_gram_matrices_are_those_of_the_dense_layer(blocks, kappa, side, monkeypatch):
    monkeypatch.setattr(columns, "ROWS_AT_ONCE_BYTES", 4096)
    conv = first_conv(he(np.random.default_rng(1), 6, 1, 3), 12, padding=1)
    layer = handed_over(conv, kappa=kappa, blocks=blocks, n=1).view.augconv
    dense = np.zeros((144, *layer.output_shape))
    for block, places in enumerate(block_places(blocks, kappa, conv.input_shape)):
        matrix, (top, left) = layer.matrices[layer.matrix_of[block]], layer.windows[block]
        high, wide = matrix.shape[2:]
        dense[places, :, top : top + high, left : left + wide] = matrix
    corners = np.array([[0, 0], [3, 5], [8, 8]])
    windows = [dense[:, :, y : y + side, x : x + side].reshape(144, -1) for y, x in corners]
    found = gram(layer, corners, side, every_row=True)
    assert np.allclose(found, sum(window.T @ window for window in windows))
