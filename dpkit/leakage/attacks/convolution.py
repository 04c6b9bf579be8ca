"""A first layer as the matrix that it is, near one place of its output.

    symbol   here             meaning                                                     MoLe
    K        kernel_matrix    kernels unrolled, one a column, [αp²,β]                     Eq. 1
    K_w      window_matrix    the same for w x w neighbouring outputs, [pixels,βw²]
             tap_places       the pixel of an unrolled image that each output and tap reads

Shen et al. (MoLe), arXiv 1909.07632, section 4.3. Here p is p_h by p_w, with any stride, padding,
dilation and number of groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import FirstConv

    Matrix = NDArray[np.float64]


def kernel_matrix(conv: FirstConv) -> Matrix:
    """Return K, float64 [αp_h p_w,β]; zero where a map does not see a channel."""
    maps, depth, *sides = conv.weight.shape
    dense = np.zeros((maps, conv.channels, *sides))
    for i in range(maps):
        first = i // (maps // conv.groups) * depth
        dense[i, first : first + depth] = conv.weight[i]
    return np.ascontiguousarray(dense.reshape(maps, -1).T)


def tap_places(conv: FirstConv) -> NDArray[np.int64]:
    """Return the place in an unrolled image that each tap reads, int64 [αp_h p_w,n_h,n_w].

    -1 stands for the padding. For one tap no two outputs read the same place.
    """
    (channels, *size), (_, *outputs) = conv.input_shape, conv.output_shape
    before = (conv.padding[0], conv.padding[2])
    sides = zip(outputs, conv.stride, conv.weight.shape[2:], conv.dilation, before, strict=True)
    down, across = (
        np.arange(p)[:, None] * d + np.arange(n) * s - pad for n, s, p, d, pad in sides
    )  # [p,n] each
    rows, columns = down[:, None, :, None], across[None, :, None, :]
    inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
    plane = np.where(inside, rows * size[1] + columns, -1)
    steps = np.arange(channels).reshape(-1, 1, 1, 1, 1) * (size[0] * size[1])
    return np.where(inside, plane + steps, -1).reshape(-1, *outputs)


def interior_corners(conv: FirstConv, side: int) -> NDArray[np.int64]:
    """Return where windows of `side` x `side` outputs begin that read no padding, int64 [m,2]."""
    inside = (tap_places(conv) >= 0).all(axis=0)
    if min(inside.shape) < side:
        return np.empty((0, 2), np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(inside, (side, side))
    return np.argwhere(windows.all(axis=(2, 3)))


def window_matrix(conv: FirstConv, side: int) -> Matrix:
    """Return K_w, float64 [pixels,βw²] with w = `side`: columns by map, then output place.

    Its rows are the pixels that any of the w x w outputs reads.
    """
    taps = kernel_matrix(conv).reshape(conv.channels, *conv.weight.shape[2:], conv.maps)
    high, wide = (
        (side - 1) * s + d * (p - 1) + 1
        for s, d, p in zip(conv.stride, conv.dilation, conv.weight.shape[2:], strict=True)
    )
    matrix = np.zeros((conv.channels, high, wide, conv.maps, side, side))
    for down, across in np.ndindex(*taps.shape[1:3]):
        for y, x in np.ndindex(side, side):
            row = y * conv.stride[0] + down * conv.dilation[0]
            column = x * conv.stride[1] + across * conv.dilation[1]
            matrix[:, row, column, :, y, x] = taps[:, down, across]
    flat = matrix.reshape(-1, conv.maps * side * side)
    return flat[flat.any(axis=1)]
