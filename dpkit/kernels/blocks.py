"""Blocks of an image times their cores: T = D M for a block-diagonal M that is never built.

    symbol   here       meaning
    D^r      rows       images unrolled channel by channel, row by row, [n,N], N = αhw
    κ, q     κ, q       blocks of an image and their length, N = κq
    M′       cores      [1,q,q], one core for all blocks, or [κ,q,q], one for each
             routes     where the values of each block stand in D^r, and its products in T
             affine     [2,c], scale and bias: D = pixel * scale + bias, by channel
             noise      [n,N], in grey levels: D = (pixel + noise) * scale + bias

Every function takes arrays and writes into `out`. An image's pixels are touched once, in a
compiled loop without the interpreter lock; the products are the BLAS library's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Routes(NamedTuple):
    """The order of an image's values before and after its blocks are multiplied.

    `taken` int64 [N]: block by block, where each value is taken from; `laid` int64 [N]: where each
    product is laid. None: as they come. Neither names a place twice.
    """

    taken: NDArray[np.int64] | None = None
    laid: NDArray[np.int64] | None = None

    def back(self) -> Routes:
        """Return the way from products to values."""
        return Routes(self.laid, self.taken)


STRAIGHT: Final = Routes()


def morph(
    pixels: NDArray[Any],
    affine: NDArray[np.float32],
    cores: NDArray[np.float32],
    *,
    tile: int,
    out: NDArray[Any],
    routes: Routes = STRAIGHT,
    noise: NDArray[np.float32] | None = None,
) -> None:
    """Morph `pixels` u8 or u16 [n,h,w,c] into `out` float32 or float16 [n,N], `tile` at a time.

    The last bits of a product depend on its shape, so on `tile` and n, and on nothing else
    about the call. A float16 element out of range becomes infinite.
    """
    images, *_, channels = pixels.shape
    flat = np.ascontiguousarray(pixels).reshape(out.shape)
    rows = np.empty((min(tile, images), out.shape[1]), np.float32)
    products = None if out.dtype == rows.dtype else np.empty_like(rows)
    for start in range(0, images, tile):
        part = flat[start : start + tile]
        k = len(part)
        planes = rows[:k].reshape(k, channels, -1)
        unroll(part, affine, planes)
        if noise is not None:
            add_noise(noise[start : start + k].reshape(planes.shape), affine[0], planes)
        if products is None:
            multiply(rows[:k], cores, out[start : start + k], routes)
            continue
        multiply(rows[:k], cores, products[:k], routes)
        with np.errstate(over="ignore"):  # the caller looks for infinities
            out[start : start + k] = products[:k]


def unmorph(
    values: NDArray[Any],
    affine: NDArray[np.float64],
    inverses: NDArray[np.float64],
    *,
    tile: int,
    out: NDArray[Any],
    routes: Routes = STRAIGHT,
) -> None:
    """Undo `morph`: `values` [n,N] into the pixels `out` u8 or u16 [n,h,w,c], in float64.

    `routes` are those of `morph`; noise below half a grey level is rounded away.
    """
    images, height, width, channels = out.shape
    scale, bias = affine[:, :, None, None]
    peak = np.iinfo(out.dtype).max
    for start in range(0, images, tile):
        rows = values[start : start + tile].astype(np.float64)
        products = np.empty_like(rows)
        multiply(rows, inverses, products, routes.back())
        planes = (products.reshape(-1, channels, height, width) - bias) / scale
        levels = np.clip(np.rint(planes), 0, peak)
        out[start : start + tile] = levels.transpose(0, 2, 3, 1)


def multiply(
    rows: NDArray[Any],
    cores: NDArray[Any],
    out: NDArray[Any],
    routes: Routes = STRAIGHT,
) -> None:
    """Multiply each block of `rows` [n,N] by its core in `cores` [1 or κ,q,q], into `out` [n,N].

    All three share one dtype; `rows` and `out` are C-contiguous and do not overlap.
    """
    blocks = rows
    if routes.taken is not None:
        blocks = np.empty_like(rows)
        gather(rows, routes.taken, blocks)
    if routes.laid is None:
        _multiply_runs(blocks, cores, out)
        return
    products = np.empty_like(rows)
    _multiply_runs(blocks, cores, products)
    scatter(products, routes.laid, out)


def _multiply_runs(rows: NDArray[Any], cores: NDArray[Any], out: NDArray[Any]) -> None:
    count, q = len(cores), cores.shape[-1]
    if count == 1:
        np.matmul(rows.reshape(-1, q), cores[0], out=out.reshape(-1, q))
        return
    # One product per block inside numpy, each on a strided view: nothing is copied.
    blocks = rows.reshape(len(rows), count, q).swapaxes(0, 1)
    np.matmul(blocks, cores, out=out.reshape(len(rows), count, q).swapaxes(0, 1))


@compiled
def gather(rows: NDArray[Any], places: NDArray[np.int64], out: NDArray[Any]) -> None:
    """Write `rows[:, places]` into `out`; both [n,N]."""
    for i in range(len(rows)):
        for j in range(len(places)):
            out[i, j] = rows[i, places[j]]


@compiled
def scatter(rows: NDArray[Any], places: NDArray[np.int64], out: NDArray[Any]) -> None:
    """Write `rows` into `out[:, places]`; both [n,N]."""
    for i in range(len(rows)):
        for j in range(len(places)):
            out[i, places[j]] = rows[i, j]


@compiled
def add_noise(
    noise: NDArray[np.float32], scale: NDArray[np.float32], rows: NDArray[np.float32]
) -> None:
    """Add `noise` [n,c,hw], in grey levels, to the D^r in `rows` [n,c,hw] of `scale` [c]."""
    for i in range(len(rows)):
        for c in range(len(scale)):
            for p in range(rows.shape[2]):
                rows[i, c, p] += noise[i, c, p] * scale[c]


@compiled
def unroll(pixels: NDArray[Any], affine: NDArray[np.float32], rows: NDArray[np.float32]) -> None:
    """Write `pixels` u8 or u16 [n,hwc], channels innermost, as D^r into `rows` float32 [n,c,hw].

    There are 1 or 3 channels: with a stride that the compiler knows, the loops become vector
    code, three to four times as fast as the general loop.
    """
    for i in range(len(pixels)):
        if affine.shape[1] == 1:
            _one_plane(pixels[i], affine, rows[i, 0])
        else:
            _three_planes(pixels[i], affine, rows[i])


@compiled
def _one_plane(
    pixels: NDArray[Any], affine: NDArray[np.float32], grey: NDArray[np.float32]
) -> None:
    scale, bias = affine[0, 0], affine[1, 0]
    for p in range(grey.size):
        grey[p] = np.float32(pixels[p]) * scale + bias


@compiled
def _three_planes(
    pixels: NDArray[Any], affine: NDArray[np.float32], planes: NDArray[np.float32]
) -> None:
    a0, a1, a2 = affine[0, 0], affine[0, 1], affine[0, 2]
    b0, b1, b2 = affine[1, 0], affine[1, 1], affine[1, 2]
    red, green, blue = planes[0], planes[1], planes[2]
    for p in range(red.size):
        red[p] = np.float32(pixels[3 * p]) * a0 + b0
        green[p] = np.float32(pixels[3 * p + 1]) * a1 + b1
        blue[p] = np.float32(pixels[3 * p + 2]) * a2 + b2
