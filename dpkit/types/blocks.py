"""Which values of an unrolled image stand in which block.

    raster   blocks are runs of the unrolled image, channel by channel, row by row (the paper)
    patch    blocks are squares of P x P pixels with all their channels, row by row; within one,
             channel by channel, row by row, as the weights of a patch embedding lie

κ blocks have q = αhw/κ values each. A patch has q = αP², so P² = hw/κ, and P divides h and w.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks = Literal["raster", "patch"]
BLOCKS: Final[tuple[Blocks, ...]] = ("raster", "patch")


def patch_side(kappa: int, height: int, width: int) -> int | None:
    """Return P where κ square patches cover an image, else None.

    Examples
    --------
    >>> patch_side(196, 224, 224), patch_side(16, 128, 96)
    (16, None)
    """
    side = math.isqrt(height * width // kappa) if kappa >= 1 else 0
    fits = side >= 1 and height % side == 0 and width % side == 0
    return side if fits and side * side * kappa == height * width else None


def block_places(blocks: Blocks, kappa: int, shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return where the values of each block stand in an unrolled image [αhw], int64 [κ,q].

    Parameters
    ----------
    shape
        α, h and w; κ divides their product.

    Raises
    ------
    ValueError
        κ does not divide, or κ square patches do not cover the image.
    """
    channels, height, width = shape
    places = np.arange(channels * height * width)
    if kappa < 1 or len(places) % kappa:
        raise ValueError(f"kappa {kappa} does not divide the {len(places)} values of an image")
    if blocks == "raster":
        return places.reshape(kappa, -1)
    side = patch_side(kappa, height, width)
    if side is None:
        raise ValueError(f"kappa {kappa} cuts {height}x{width} into no square patches")
    grid = places.reshape(channels, height // side, side, width // side, side)
    return grid.transpose(1, 3, 0, 2, 4).reshape(kappa, -1)
