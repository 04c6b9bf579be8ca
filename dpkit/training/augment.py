"""Mirrored and shifted images: what every paper on small images learns from.

Each image is mirrored with probability ½ and shifted by up to an eighth of its height and width
in both directions; what comes in at the edge is black. Krizhevsky et al. (2012), section 4.1; He et
al. (2016), section 4.2, for images of 32x32 (4 pixels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch.nn.functional import pad

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

EIGHTH: Final = 8


def augmented(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Return images [n,c,h,w], each with a draw of its own."""
    n, channels, height, width = images.shape
    down, across = height // EIGHTH, width // EIGHTH
    top = torch.from_numpy(rng.integers(0, 2 * down, n, endpoint=True))
    left = torch.from_numpy(rng.integers(0, 2 * across, n, endpoint=True))
    is_mirrored = torch.from_numpy(rng.integers(0, 1, n, endpoint=True)).bool()
    along = torch.arange(width).expand(n, width)
    columns = left[:, None] + torch.where(is_mirrored[:, None], along.flip(1), along)
    rows = top[:, None] + torch.arange(height)
    padded = pad(images, (across, across, down, down))
    return padded[
        torch.arange(n)[:, None, None, None].to(images.device),
        torch.arange(channels)[None, :, None, None].to(images.device),
        rows[:, None, :, None].to(images.device),
        columns[:, None, None, :].to(images.device),
    ]
