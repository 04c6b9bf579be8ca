"""Rows of C^ac = M⁻¹ C (Eq. 5) by running the convolution over rows of M⁻¹, seen as images.

C itself, αhw x βn_h n_w and nearly empty, is never built: a row of M⁻¹ times C is the convolution
of that row. Only what a block can reach is computed, on a canvas that is just large enough.

    symbol   here       meaning
    M′⁻¹     rows       float64 [q,q], a core's inverse
    K        kernels    float32 [β,α,p_h,p_w], in the order that they shall have
             canvas     α, height and width of the canvas; it holds the convolution's padding
             places     int64 [q], where each value of a row lies on the canvas; -1 for nowhere

The convolution is spelled out as a product of kernels and taps, in buffers that serve every piece:
fresh memory for each result costs more than the arithmetic, by page faults.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn.functional import conv2d, pad

from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Steps = tuple[tuple[int, int], tuple[int, int]]  # stride and dilation, down and across

PIECE_BYTES: Final = 2**21  # 2 MiB of results, and of taps: they stay in the cache


def convolved_rows(
    rows: NDArray[np.float64],
    places: NDArray[np.int64],
    canvas: tuple[int, int, int],
    kernels: NDArray[np.float32],
    steps: Steps,
) -> Iterator[NDArray[np.float32]]:
    """Yield rows times C, float32 [some,β,height,width], all rows in turn.

    What is yielded is overwritten by the next: use it, or copy it, first.
    """
    taps_shape, strides = _taps(canvas, kernels.shape, steps)
    depth, size = math.prod(taps_shape[:3]), taps_shape[3:]
    outputs, maps = math.prod(size), len(kernels)
    count = max(1, min(len(rows), PIECE_BYTES // (4 * outputs * max(depth, maps))))
    images = np.zeros((count, *canvas), np.float32)
    taps = np.lib.stride_tricks.as_strided(
        images, (count, *taps_shape), (images.strides[0], *strides), writeable=False
    )
    columns = np.empty((count, *taps_shape), np.float32)
    products = np.empty((count, maps, outputs), np.float32)
    matrix = torch.from_numpy(kernels.reshape(maps, depth))
    for start in range(0, len(rows), count):
        part = np.ascontiguousarray(rows[start : start + count])
        some = len(part)
        _lay(part, places, images.reshape(count, -1))
        np.copyto(columns[:some], taps[:some])
        _multiply(matrix, columns[:some].reshape(some, depth, outputs), products[:some])
        yield products[:some].reshape(some, maps, *size)


def convolution(
    images: NDArray[np.float64],
    weight: NDArray[np.float64],
    padding: tuple[int, int, int, int],
    steps: Steps,
) -> NDArray[np.float64]:
    """Return the plain convolution of images [n,α,h,w], float64 [n,β,n_h,n_w].

    Parameters
    ----------
    padding
        Zeros at top, bottom, left and right.
    """
    stride, dilation = steps
    top, bottom, left, right = padding
    padded = pad(torch.from_numpy(images), (left, right, top, bottom))
    with torch.inference_mode():
        found = conv2d(padded, torch.from_numpy(weight), stride=stride, dilation=dilation)
    result: NDArray[np.float64] = found.numpy()
    return result


def _taps(
    canvas: tuple[int, int, int], kernels: tuple[int, ...], steps: Steps
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return shape and strides [α,p_h,p_w,height,width] of what the kernels read of a canvas."""
    stride, dilation = steps
    channels, high, wide = canvas
    sizes = [
        (side - d * (p - 1) - 1) // s + 1
        for side, p, s, d in zip((high, wide), kernels[2:], stride, dilation, strict=True)
    ]
    row, value = 4 * wide, 4
    strides = (
        row * high,
        row * dilation[0],
        value * dilation[1],
        row * stride[0],
        value * stride[1],
    )
    return (channels, *kernels[2:], *sizes), strides


def _multiply(
    matrix: torch.Tensor, columns: NDArray[np.float32], products: NDArray[np.float32]
) -> None:
    """Write matrix [β,depth] times columns [n,depth,outputs] into products [n,β,outputs]."""
    given, out = torch.from_numpy(columns), torch.from_numpy(products)
    with torch.inference_mode():
        if given.shape[2] == 1:  # one product for all, not n products with a vector
            torch.mm(given[:, :, 0], matrix.T, out=out[:, :, 0])
        else:
            torch.matmul(matrix, given, out=out)


@compiled
def _lay(rows: NDArray[np.float64], places: NDArray[np.int64], images: NDArray[Any]) -> None:
    """Write each value of a row at its place of an image; what is nowhere is 0 and stays so."""
    for i in range(len(rows)):
        for j in range(len(places)):
            if places[j] >= 0:
                images[i, places[j]] = np.float32(rows[i, j])
