"""Rows of C^ac = M⁻¹ C (Eq. 5) by running the convolution over rows of M⁻¹, seen as images.

C itself, αhw x βn_h n_w and nearly empty, is never built: a row of M⁻¹ times C is the convolution
of that row. Only what a block can reach is computed, on a canvas that is just large enough.

    symbol   here       meaning
    M′⁻¹     rows       float64 [r,q], rows of a core's inverse
    K        weight     kernels, float32 [β,α/groups,p_h,p_w], in the order that they shall have
             canvas     α, height and width of the canvas
             places     int64 [q], where each value of a row lies on the canvas; -1 for nowhere
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn.functional import conv2d, pad

from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Fresh memory beyond this costs more than the convolution itself: page faults.
PIECE_BYTES: Final = 2**22  # 4 MiB, of canvas and of result


def convolved(
    rows: NDArray[np.float64],
    places: NDArray[np.int64],
    canvas: tuple[int, int, int],
    weight: NDArray[np.float32],
    steps: tuple[tuple[int, int], tuple[int, int], int],
) -> NDArray[Any]:
    """Return rows times C, float32 [r,β,height,width] of what they reach.

    Parameters
    ----------
    steps
        Stride, dilation and groups of the convolution; the canvas holds its padding.
    """
    stride, dilation, groups = steps
    images = np.zeros((len(rows), int(np.prod(canvas))), np.float32)
    _lay(rows, places, images)
    with torch.inference_mode():
        found = conv2d(
            torch.from_numpy(images.reshape(-1, *canvas)),
            torch.from_numpy(weight),
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
    result: NDArray[Any] = found.numpy()
    return result


def convolution(
    images: NDArray[np.float64],
    weight: NDArray[np.float64],
    padding: tuple[int, int, int, int],
    steps: tuple[tuple[int, int], tuple[int, int], int],
) -> NDArray[np.float64]:
    """Return the plain convolution of images [n,α,h,w], float64 [n,β,n_h,n_w].

    Parameters
    ----------
    padding
        Zeros at top, bottom, left and right.
    steps
        Stride, dilation and groups.
    """
    stride, dilation, groups = steps
    top, bottom, left, right = padding
    padded = pad(torch.from_numpy(images), (left, right, top, bottom))
    kernels = torch.from_numpy(weight)
    with torch.inference_mode():
        found = conv2d(padded, kernels, stride=stride, dilation=dilation, groups=groups)
    result: NDArray[np.float64] = found.numpy()
    return result


@compiled
def _lay(rows: NDArray[np.float64], places: NDArray[np.int64], images: NDArray[np.float32]) -> None:
    """Write each value of a row at its place of an image."""
    for i in range(len(rows)):
        for j in range(len(places)):
            if places[j] >= 0:
                images[i, places[j]] = np.float32(rows[i, j])


def rows_at_once(row_values: int, canvas: tuple[int, int, int]) -> int:
    """Return how many rows one call of `convolved` should get, 1 or more."""
    return max(1, PIECE_BYTES // (4 * max(row_values, int(np.prod(canvas)))))
