"""The perceptual distance of an attacker's pictures, where it can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from dpkit.leakage.perceptual import SMALLEST, is_at_hand, perceptual_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SEEN: Final = 256  # pictures, at most


def spaced(count: int) -> NDArray[np.int64]:
    """Return the places of the pictures that are looked at, of so many that lie class by class."""
    return np.linspace(0, count - 1, min(SEEN, count)).astype(np.int64)


def perceived(pictures: Tensor, truth: Tensor) -> float | None:
    """Return the mean distance of some pictures [n,c,h,w] of 0 to 1 from their originals.

    None where the extra `perceptual` is not installed, or a side is below 16 pixels.
    """
    if not is_at_hand() or min(truth.shape[2:]) < SMALLEST:
        return None
    rows = torch.from_numpy(spaced(len(truth)))
    return float(perceptual_distance(pictures[rows], truth[rows]).mean())
