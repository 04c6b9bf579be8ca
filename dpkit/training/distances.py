"""How far a reconstruction is from its image, image by image, differentiable.

    distance   here          range       of equal images
    MSE        squared       0 or more   0
    SSIM       dissimilar    0 to 2      0

Structural similarity is that of `dpkit.kernels.ssim` (Wang et al., 2004) with a peak of 1, window
and edges included; a distance must grow, so it is 1 - SSIM here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch.nn.functional import conv2d

from dpkit.kernels.ssim import (
    K1,
    K2,
    SMALLEST_WINDOW,
    WINDOW,
    gaussian_taps,
    window_side,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Distance = Callable[[Tensor, Tensor], Tensor]

C1: Final = K1**2
C2: Final = K2**2


def squared(found: Tensor, images: Tensor) -> Tensor:
    """Return the mean squared difference of pictures [n,c,h,w], [n]."""
    return (found - images).square().mean(dim=(1, 2, 3))


def dissimilar(found: Tensor, images: Tensor) -> Tensor:
    """Return 1 - SSIM of pictures [n,c,h,w] of 0 to 1, [n]."""
    return 1 - similarity(found, images)


def similarity(found: Tensor, images: Tensor) -> Tensor:
    """Return the SSIM of pictures [n,c,h,w] of 0 to 1, [n], within -1 to 1.

    Raises
    ------
    ValueError
        A side is below 3, where a place has no surroundings.
    """
    side = window_side(*images.shape[2:])
    if side < SMALLEST_WINDOW:
        raise ValueError(f"a window of {side} pixels is below {SMALLEST_WINDOW}")
    cut = (WINDOW - side) // 2
    taps = torch.from_numpy(gaussian_taps(side)[cut : WINDOW - cut]).to(images)
    x, y = found.flatten(0, 1)[:, None], images.flatten(0, 1)[:, None]
    maps = torch.cat([x, y, x * x, y * y, x * y], dim=1)
    mean_x, mean_y, xx, yy, xy = _blurred(maps, taps).unbind(dim=1)
    products, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    likeness = (2 * products + C1) * (2 * (xy - products) + C2)
    whole = (squares + C1) * (xx + yy - squares + C2)
    return (likeness / whole).reshape(len(images), -1).mean(dim=1)


def _blurred(maps: Tensor, taps: Tensor) -> Tensor:
    """Return maps [n,m,h,w] weighed by the window, where all of it lies inside."""
    count = maps.shape[1]
    down = taps.reshape(1, 1, -1, 1).expand(count, 1, -1, 1)
    across = taps.reshape(1, 1, 1, -1).expand(count, 1, 1, -1)
    return conv2d(conv2d(maps, down, groups=count), across, groups=count)


DISTANCES: Final[dict[str, Distance]] = {"mse": squared, "ssim": dissimilar}
