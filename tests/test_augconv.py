"""Aug-Conv against its definition: features of T are the original layer's features of D."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from dpkit.augconv import matrix_pieces, plan_augconv, shuffled, ungrouped, whole_matrix
from dpkit.kernels.blocks import Routes, multiply
from dpkit.types import AugConv, FirstConv, block_places, patch_side


def made(plan, inverses):
    """The layer's matrices, put together."""
    return [whole_matrix(plan, number, inverses) for number in range(len(plan.reaches))]


def features(plan, matrices, values):
    """F of released values [n,αhw], block by block, by the definition in `AugConv`."""
    out = np.zeros((len(values), *plan.layer.output_shape))
    places = block_places(plan.blocks, plan.kappa, plan.layer.input_shape)
    for block, (y, x) in enumerate(plan.windows):
        matrix = matrices[plan.matrix_of[block]]
        high, wide = matrix.shape[2:]
        of_block = values[:, places[block]].astype(np.float64)
        out[:, :, y : y + high, x : x + wide] += np.tensordot(of_block, matrix.astype("f8"), 1)
    if plan.layer.bias is not None:
        out += plan.layer.bias[:, None, None]
    return out


def convolution(layer, images):
    """The layer itself, in float64, by torch."""
    top, bottom, left, right = layer.padding
    padded = functional.pad(torch.from_numpy(images), (left, right, top, bottom))
    bias = None if layer.bias is None else torch.from_numpy(layer.bias).double()
    weight = torch.from_numpy(layer.weight).double()
    steps = {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    return functional.conv2d(padded, weight, bias, **steps).numpy()


@st.composite
def problems(draw):
    """Any layer over any blocks: a layer, kind of blocks, κ, and cores."""
    channels = draw(st.sampled_from([1, 3]))
    height, width = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    groups = draw(st.sampled_from([1, channels]))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(2))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(2))
    maps = groups * draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weight = rng.standard_normal((maps, channels // groups, *kernel)).astype(np.float32)
    bias = rng.standard_normal(maps).astype(np.float32) if draw(st.booleans()) else None
    fits = [
        m + a + b - d * (p - 1) >= 1
        for m, a, b, p, d in zip(
            (height, width), padding[::2], padding[1::2], kernel, dilation, strict=True
        )
    ]
    padding = padding if all(fits) else (2, 2, 2, 2)
    stride = tuple(draw(st.integers(1, 4)) for _ in range(2))
    layer = FirstConv(weight, bias, stride, padding, dilation, groups, (height, width), "none")
    n = channels * height * width
    blocks = draw(st.sampled_from(["raster", "patch"]))
    fit = [k for k in range(1, n + 1) if n % k == 0]
    if blocks == "patch":
        fit = [k for k in fit if patch_side(k, height, width)]
    kappa, is_distinct = draw(st.sampled_from(fit)), draw(st.booleans())
    q = n // kappa
    cores = np.stack(
        [np.linalg.qr(rng.standard_normal((q, q)))[0] for _ in range(kappa if is_distinct else 1)]
    )
    return layer, blocks, kappa, cores


@given(problems())
@settings(max_examples=150, deadline=None)
def test_features_of_released_values_are_those_of_the_originals(problem):
    layer, blocks, kappa, cores = problem
    images = np.random.default_rng(1).random((2, *layer.input_shape))
    rows, values = images.reshape(2, -1), np.empty((2, images[0].size))
    places = block_places(blocks, kappa, layer.input_shape).reshape(-1)
    multiply(rows, cores, values, Routes(places, places))
    plan = plan_augconv(layer, blocks, kappa, is_distinct=len(cores) > 1)
    matrices = made(plan, cores.swapaxes(1, 2))
    expected = convolution(layer, images)
    found = features(plan, matrices, values)
    assert np.allclose(found, expected, atol=3e-6 * max(1, np.abs(expected).max()))
    bias = None if layer.bias is None else layer.bias
    AugConv(
        tuple(matrices), plan.matrix_of, plan.windows, bias, blocks, layer.input_shape,
        layer.output_shape, "release", {},
    )  # fmt: skip


@given(problems(), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_shuffling_the_kernels_shuffles_the_features(problem, seed):
    layer = ungrouped(problem[0])
    images = np.random.default_rng(1).random((1, *layer.input_shape))
    assert np.allclose(convolution(layer, images), convolution(problem[0], images))
    order = np.random.default_rng(seed).permutation(layer.maps)
    found = convolution(shuffled(layer, order), images)
    assert np.allclose(found, convolution(layer, images)[:, order])


def conv(maps=64, kernel=3, size=32, stride=1, padding=1):
    weight = np.random.default_rng(0).standard_normal((maps, 3, kernel, kernel)).astype(np.float32)
    pads = (padding,) * 4
    return FirstConv(weight, None, (stride,) * 2, pads, (1, 1), 1, (size, size), "none")


class TestSizes:
    def test_one_block_is_the_papers_dense_matrix(self):
        plan = plan_augconv(conv(), "raster", 1, is_distinct=False)
        assert plan.elements == plan.dense_elements == 3072 * 65536  # 805 MB in float32

    def test_a_patch_embedding_over_patches_is_one_small_matrix(self):
        vit = conv(maps=768, kernel=16, size=224, stride=16, padding=0)
        plan = plan_augconv(vit, "patch", 196, is_distinct=False)
        assert plan.elements == 768 * 768
        assert plan.dense_elements / plan.elements > 38_000
        assert plan_augconv(vit, "patch", 196, is_distinct=True).elements == 196 * 768 * 768

    def test_blocks_that_lie_alike_share_a_matrix(self):
        plan = plan_augconv(conv(), "patch", 64, is_distinct=False)
        assert len(plan.reaches) == 9  # corners, edges and the inside
        assert plan.elements == 48 * 64 * (4 * 25 + 4 * 30 + 36)
        assert len(plan_augconv(conv(), "patch", 64, is_distinct=True).reaches) == 64

    def test_runs_reach_no_more_than_their_rows(self):
        plan = plan_augconv(conv(), "raster", 96, is_distinct=False)  # one row of pixels each
        assert {reach.size for reach in plan.reaches} == {(2, 32), (3, 32)}
        assert len(plan.reaches) == 9  # three channels: top, bottom and the inside


def test_relative_error_with_an_orthogonal_core_is_below_5e_7():
    """CIFAR-sized images, κ = 16, 64 kernels of 3x3, float32 throughout."""
    rng = np.random.default_rng(3)
    core = np.linalg.qr(rng.standard_normal((192, 192)))[0]
    layer = conv()
    images = rng.random((4, 3, 32, 32))
    values = np.empty((4, 3072), np.float32)
    multiply(images.reshape(4, -1).astype("f4"), core[None].astype("f4"), values)
    plan = plan_augconv(layer, "raster", 16, is_distinct=False)
    found = features(plan, made(plan, core.T[None]), values)
    expected = convolution(layer, images)
    assert np.linalg.norm(found - expected) < 5e-7 * np.linalg.norm(expected)


@pytest.mark.parametrize("kappa", [1, 3])
def test_pieces_stay_small(kappa):
    plan = plan_augconv(conv(size=16), "raster", kappa, is_distinct=False)
    inverse = np.eye(plan.core_size)[None]
    assert max(piece.nbytes for piece in matrix_pieces(plan, 0, inverse)) <= 2**22
