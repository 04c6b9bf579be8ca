"""The perceptual distance of an attacker's pictures, where it can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.perceptual import SMALLEST, is_at_hand, perceptual_distance

if TYPE_CHECKING:
    from torch import Tensor

SEEN: Final = 256  # pictures, at most


def perceived(pictures: Tensor, truth: Tensor) -> float | None:
    """Return the mean distance of the first pictures [n,c,h,w] of 0 to 1 from their originals.

    None where the extra `perceptual` is not installed, or a side is below 16 pixels.
    """
    if not is_at_hand() or min(truth.shape[2:]) < SMALLEST:
        return None
    return float(perceptual_distance(pictures[:SEEN], truth[:SEEN]).mean())
