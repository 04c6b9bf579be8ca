"""Sums of cells and grey levels beside loops over Python's own whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.kernels.pixelate import cell_areas, cell_sums, grey_levels, repeat_cells

SIDES = st.integers(1, 12)


def cells_of(height, width, cell):
    """Yield (row, column, the slices of its pixels) of each cell."""
    for y in range(0, height, cell):
        for x in range(0, width, cell):
            yield y // cell, x // cell, (slice(y, y + cell), slice(x, x + cell))


def pixels_of(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def summed(pixels, cell):
    n, height, width, channels = pixels.shape
    out = np.full((n, channels, -(-height // cell), -(-width // cell)), 77, np.int64)
    cell_sums(pixels, cell, out)
    return out


@given(height=SIDES, width=SIDES, cell=st.integers(1, 15), dtype=st.sampled_from(["u1", "u2"]))
@settings(max_examples=40, deadline=None)
def test_sums_are_those_of_a_loop_over_the_cells(height, width, cell, dtype):
    pixels = pixels_of((2, height, width, 3), np.dtype(dtype))
    out = summed(pixels, cell)
    areas = cell_areas(height, width, cell)
    for y, x, inside in cells_of(height, width, cell):
        assert areas[y, x] == pixels[0, *inside, 0].size
        for i, c in np.ndindex(2, 3):
            assert out[i, c, y, x] == sum(int(pixel) for pixel in pixels[i, *inside, c].flat)
    assert areas.sum() == height * width


def test_pixels_may_lie_in_memory_plane_by_plane():
    planes = pixels_of((2, 3, 7, 5), np.uint8)
    pixels = np.moveaxis(planes, 1, -1)
    assert np.array_equal(summed(pixels, 3), summed(np.ascontiguousarray(pixels), 3))


@given(
    sums=st.lists(st.integers(-(2**61), 2**61), min_size=4, max_size=4),
    areas=st.lists(st.integers(1, 10_000), min_size=4, max_size=4),
)
@settings(deadline=None)
def test_a_mean_is_clipped_and_rounded_half_up(sums, areas):
    out = np.empty((1, 1, 2, 2), np.uint8)
    by_cell = np.array(areas).reshape(2, 2)
    grey_levels(np.array(sums).reshape(1, 1, 2, 2), by_cell, 255, out)
    for s, a, grey in zip(sums, areas, out.flat, strict=True):
        mean_times_2a = 2 * min(max(s, 0), 255 * a)
        assert 2 * a * int(grey) - a <= mean_times_2a < 2 * a * int(grey) + a


@given(height=SIDES, width=SIDES, cell=st.integers(1, 15))
@settings(deadline=None)
def test_each_pixel_of_a_cell_gets_its_value(height, width, cell):
    grid = pixels_of((2, 3, -(-height // cell), -(-width // cell)), np.uint16)
    out = np.empty((2, 3, height, width), np.uint16)
    repeat_cells(grid, cell, out)
    for y, x, inside in cells_of(height, width, cell):
        assert (out[:, :, *inside] == grid[:, :, y, x, None, None]).all()


@pytest.mark.parametrize(
    ("dtype", "cell", "shape"),
    [("f4", 2, (1, 1, 2, 2)), ("u1", 0, (1, 1, 2, 2)), ("u1", 2, (1, 1, 4, 2))],
)
def test_wrong_arrays_are_refused(dtype, cell, shape):
    with pytest.raises(ValueError, match=r"pixels|out"):
        cell_sums(np.zeros((1, 4, 4, 1), dtype), cell, np.zeros(shape, np.int64))
