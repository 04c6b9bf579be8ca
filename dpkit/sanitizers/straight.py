"""Sample-and-hold as an adversary differentiates through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from dpkit.kernels.hold import hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dpkit.sanitizers.asked import Asked


def straight_through(
    asked: Asked, shape: tuple[int, ...], window: int
) -> Callable[[Tensor], Tensor]:
    """Return a function from images [n,c,h,w] of 0 to 1 to held maps [n,C,H,W], float32.

    Backward the hold is the identity (a straight-through estimator): its own derivative says
    nothing of the samples that were not chosen.
    """
    cut = asked.straight()

    def encode(images: Tensor) -> Tensor:
        maps = cut.maps(images).reshape(len(images), *shape)
        samples = np.ascontiguousarray(maps.detach().numpy())
        held = np.empty_like(samples)
        hold(samples, window, held)
        return maps + (torch.from_numpy(held) - maps).detach()

    return encode
