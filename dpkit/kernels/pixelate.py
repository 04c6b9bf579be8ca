"""Pixelation in whole numbers: sums of square cells, and grey levels again from noisy sums.

    symbol   here    meaning
    b        cell    side of a cell in pixels; those of the last row and column may be smaller
    a        areas   pixels of each cell, by its true sides
    S        sums    the sum of a cell's pixels in one channel

A mean is rounded once, at the end, to the nearest grey level, and half up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.kernels.arrays import require, require_writable, shape_of
from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cell_areas(height: int, width: int, cell: int) -> NDArray[np.int64]:
    """Return the pixels of each cell, int64 [⌈h/b⌉,⌈w/b⌉]."""
    down, across = (
        np.minimum(cell, side - np.arange(0, side, cell, dtype=np.int64))
        for side in (height, width)
    )
    return np.multiply.outer(down, across)


def cell_sums(pixels: NDArray[Any], cell: int, out: NDArray[np.int64]) -> None:
    """Add up the pixels of each cell.

    Parameters
    ----------
    pixels
        u8 or u16 [n,h,w,c], in any order in memory.
    cell
        b, 1 or more.
    out
        [n,c,⌈h/b⌉,⌈w/b⌉].
    """
    n, height, width, channels = shape_of("pixels", pixels, 4)
    if pixels.dtype not in (np.uint8, np.uint16) or cell < 1:
        raise ValueError(f"pixels: {pixels.dtype} in cells of {cell}, not grey levels")
    require("out", out, np.int64, (n, channels, -(-height // cell), -(-width // cell)))
    require_writable(out, pixels)
    _cell_sums(pixels, cell, out)


def grey_levels(
    sums: NDArray[np.int64], areas: NDArray[np.int64], peak: int, out: NDArray[Any]
) -> None:
    """Clip sums to what pixels of 0 to `peak` can give, divide by the areas, and round.

    Parameters
    ----------
    sums
        [n,c,y,x], with noise or without.
    areas
        [y,x].
    out
        u8 or u16 [n,c,y,x], wide enough for `peak`.
    """
    clipped = np.clip(sums, 0, peak * areas)
    np.copyto(out, (2 * clipped + areas) // (2 * areas), casting="unsafe")


def repeat_cells(grid: NDArray[Any], cell: int, out: NDArray[Any]) -> None:
    """Write each value [n,c,⌈h/b⌉,⌈w/b⌉] to all pixels [n,c,h,w] of its cell."""
    height, width = out.shape[2:]
    wide = grid.repeat(cell, axis=3)[..., :width]
    for row in range(grid.shape[2]):
        out[:, :, row * cell : min((row + 1) * cell, height)] = wide[:, :, row, None]


@compiled
def _cell_sums(pixels: NDArray[Any], cell: int, out: NDArray[np.int64]) -> None:
    n, height, width, channels = pixels.shape
    out[:] = 0
    for i in range(n):
        for y in range(height):
            row = y // cell
            for c in range(channels):
                for column in range(out.shape[3]):
                    left = column * cell
                    for x in range(left, min(left + cell, width)):
                        out[i, c, row, column] += np.int64(pixels[i, y, x, c])
