from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.kernels.blocks import Routes, add_noise, morph, multiply, unmorph, unroll
from tests import naive


@st.composite
def problems(draw):
    """Random pixels, affine map and cores, κ any divisor of the image's length."""
    channels = draw(st.sampled_from([1, 3]))
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    elements = channels * height * width
    kappa = draw(st.sampled_from([d for d in range(1, elements + 1) if elements % d == 0]))
    is_distinct = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 4)), height, width, channels)
    pixels = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    mean, std = rng.random(channels), 0.1 + rng.random(channels)
    q = elements // kappa
    cores = rng.standard_normal((kappa if is_distinct else 1, q, q)) / np.sqrt(q)
    return pixels, mean, std, kappa, cores


@given(problems(), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_blocks_equal_the_dense_matrix_of_the_paper(problem, tile):
    pixels, mean, std, kappa, cores = problem
    peak = np.iinfo(pixels.dtype).max
    affine = np.stack([1 / (peak * std), -mean / std]).astype(np.float32)
    out = np.empty((len(pixels), kappa * cores.shape[-1]), np.float32)
    morph(pixels, affine, cores.astype(np.float32), tile=tile, out=out)
    blocks = list(cores) if len(cores) == kappa else [cores[0]] * kappa
    for image, row in zip(pixels, out, strict=True):
        expected = naive.morphed(image, blocks, peak, mean, std)
        assert np.allclose(row, expected.reshape(-1), rtol=1e-5, atol=2e-5)


@given(problems(), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_unmorph_undoes_the_dense_matrix_of_the_paper(problem, tile):
    pixels, mean, std, kappa, cores = problem
    peak = np.iinfo(pixels.dtype).max
    cores = np.linalg.qr(cores)[0]
    blocks = list(cores) if len(cores) == kappa else [cores[0]] * kappa
    values = np.stack([naive.morphed(image, blocks, peak, mean, std) for image in pixels])
    out = np.empty_like(pixels)
    affine = np.stack([1 / (peak * std), -mean / std])
    inverses = cores.swapaxes(1, 2)
    unmorph(values.reshape(len(values), -1), affine, inverses, tile=tile, out=out)
    assert np.array_equal(out, pixels)


def test_one_core_equals_torch_block_diag():
    rng = np.random.default_rng(5)
    core, rows = rng.random((6, 6)), rng.random((7, 24))
    out = np.empty_like(rows)
    multiply(rows, core[None], out)
    dense = torch.block_diag(*[torch.from_numpy(core)] * 4)
    assert np.allclose(out, (torch.from_numpy(rows) @ dense).numpy())


def test_distinct_cores_equal_torch_block_diag():
    rng = np.random.default_rng(6)
    cores, rows = rng.random((4, 6, 6)), rng.random((7, 24))
    out = np.empty_like(rows)
    multiply(rows, cores, out)
    dense = torch.block_diag(*torch.from_numpy(cores))
    assert np.allclose(out, (torch.from_numpy(rows) @ dense).numpy())


@given(problems(), st.integers(1, 5), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_scattered_blocks_equal_their_twin_and_come_back(problem, tile, is_taken, is_laid):
    pixels, mean, std, kappa, cores = problem
    peak, cores = np.iinfo(pixels.dtype).max, np.linalg.qr(cores)[0]
    blocks = list(cores) if len(cores) == kappa else [cores[0]] * kappa
    rng = np.random.default_rng(pixels.size)
    taken, laid = (rng.permutation(pixels[0].size) for _ in range(2))
    routes = Routes(taken if is_taken else None, laid if is_laid else None)
    affine = np.stack([1 / (peak * std), -mean / std])
    out = np.empty((len(pixels), pixels[0].size), np.float64)
    for image, row in zip(pixels, out, strict=True):
        row[:] = naive.scattered(image, blocks, (peak, mean, std), routes)
    released = np.empty(out.shape, np.float32)
    single = affine.astype(np.float32), cores.astype(np.float32)
    morph(pixels, *single, tile=tile, out=released, routes=routes)
    assert np.allclose(released, out, rtol=1e-5, atol=2e-5)
    back = np.empty_like(pixels)
    unmorph(out, affine, cores.swapaxes(1, 2), tile=tile, out=back, routes=routes)
    assert np.array_equal(back, pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_in_grey_levels_of_each_channel(channels):
    noise = np.random.default_rng(0).random((2, channels, 5), np.float32)
    scale, rows = np.arange(1, channels + 1, dtype=np.float32), np.ones_like(noise)
    add_noise(noise, scale, rows)
    assert np.allclose(rows, 1 + noise * scale[:, None])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_unrolling_goes_channel_by_channel_and_row_by_row(channels, dtype):
    pixels = np.arange(2 * 3 * 4 * channels, dtype=dtype).reshape(2, 3, 4, channels)
    rows = np.empty((2, channels, 12), np.float32)
    unroll(pixels.reshape(2, -1), np.array([[1.0] * channels, [0.0] * channels], "f4"), rows)
    assert np.array_equal(rows.reshape(2, channels, 3, 4), pixels.transpose(0, 3, 1, 2))


def test_pixels_may_be_a_strided_view():
    pixels = np.arange(96, dtype=np.uint8).reshape(2, 4, 4, 3)[:, ::2, ::-1]
    affine, core = np.array([[1.0] * 3, [0.0] * 3], "f4"), np.eye(8, dtype=np.float32)[None]
    out = np.empty((2, 24), np.float32)
    morph(pixels, affine, core, tile=1, out=out)
    assert np.array_equal(out.reshape(2, 3, 2, 4), pixels.transpose(0, 3, 1, 2))


def test_restored_levels_stay_within_the_range_of_their_type():
    values = np.array([[-0.5, 0.5, 1.0, 9.0]])
    out = np.empty((1, 2, 2, 1), np.uint8)
    unmorph(values, np.array([[1 / 255], [0.0]]), np.eye(2)[None], tile=4, out=out)
    assert out.reshape(-1).tolist() == [0, 128, 255, 255]


def test_half_precision_marks_what_it_cannot_hold():
    pixels = np.full((1, 1, 2, 1), 255, np.uint8)
    out = np.empty((1, 2), np.float16)
    affine, cores = np.array([[1.0], [0.0]], "f4"), np.full((1, 2, 2), 200, "f4")
    morph(pixels, affine, cores, tile=1, out=out)
    assert np.isinf(out).all()
