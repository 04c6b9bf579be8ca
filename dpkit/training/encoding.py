"""What a trained encoder makes of images: the same bytes whatever the batch and the workers.

Matrix libraries choose their kernels by the batch's size and the threads at hand, and so round
differently. Here each image goes through alone, on one thread.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dpkit.errors import DpkitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn


def encode(network: nn.Module, pixels: NDArray[Any], peak: int, out: NDArray[Any]) -> None:
    """Write the maps of pixels u8 or u16 [n,h,w,c] into `out` [n,c',h',w'], rounded to its type.

    `network` is in evaluation mode, on the processor; it takes images of 0 to 1.

    Raises
    ------
    DpkitError
        A value is no number, or beyond the type's range.
    """
    with torch.inference_mode(), one_thread():
        for image, values in zip(pixels, out, strict=True):
            planes = np.moveaxis(image, -1, 0).astype(np.float32) / np.float32(peak)
            maps = network(torch.from_numpy(planes[None].copy()))[0].numpy()
            values[...] = finite(maps, values.dtype, "train anew: leave --key out")


def finite(
    maps: NDArray[Any], dtype: np.dtype[Any], otherwise: str = "see --normalize and the weights"
) -> NDArray[Any]:
    """Return maps in the released type.

    Parameters
    ----------
    otherwise
        The remedy where a wider type would not help.

    Raises
    ------
    DpkitError
        A value is no number, or beyond the type's range.
    """
    with np.errstate(over="ignore"):
        values = maps.astype(dtype)
    if not np.isfinite(values).all():
        is_narrow = bool(np.isfinite(maps).all())
        raise DpkitError(
            f"a value of the feature map is no number in {dtype}",
            remedy="use --dtype float32" if is_narrow else otherwise,
        )
    return values


@contextmanager
def one_thread() -> Iterator[None]:
    """Give torch one thread in the thread that calls, and back what it had."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
