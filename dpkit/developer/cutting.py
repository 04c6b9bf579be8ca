"""Images cut into the blocks of a release, and put together again, as views where torch can.

The order is that of `types.block_places`: raster blocks are runs of the unrolled image, patches
are squares with all their channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpkit.errors import UsageError
from dpkit.types import patch_side

if TYPE_CHECKING:
    from torch import Tensor

    from dpkit.types import Blocks


def cut(values: Tensor, kappa: int, blocks: Blocks) -> Tensor:
    """Cut values [n,c,h,w] into [n,κ,q].

    Raises
    ------
    UsageError
        κ blocks of this kind do not cover the image.
    """
    count, channels, height, width = values.shape
    side = _side(kappa, (channels, height, width), blocks)
    length = channels * height * width // kappa
    if side is None:
        return values.reshape(count, kappa, length)
    grid = values.reshape(count, channels, height // side, side, width // side, side)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(count, kappa, length)


def join(cut_values: Tensor, shape: tuple[int, int, int], blocks: Blocks) -> Tensor:
    """Put blocks [n,κ,q] together as values [n,c,h,w] of `shape` c, h, w.

    Raises
    ------
    UsageError
        κ blocks of this kind do not cover the image.
    """
    count, kappa, _ = cut_values.shape
    channels, height, width = shape
    side = _side(kappa, shape, blocks)
    if side is None:
        return cut_values.reshape(count, *shape)
    grid = cut_values.reshape(count, height // side, width // side, channels, side, side)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(count, *shape)


def _side(kappa: int, shape: tuple[int, int, int], blocks: Blocks) -> int | None:
    """Return P, or None for raster blocks."""
    channels, height, width = shape
    side = patch_side(kappa, height, width) if blocks == "patch" else None
    if kappa < 1 or channels * height * width % kappa or (blocks == "patch" and side is None):
        raise UsageError(
            f"{kappa} {blocks} blocks do not cover images of {channels}x{height}x{width}",
            remedy="take the number from the manifest: training.first_layer.tokens",
        )
    return side
