"""Where networks are trained: on CUDA where torch finds it, else on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def device_at_hand() -> torch.device:
    """Return CUDA where it is found, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """Return where a network's weights lie; the processor, where it has none."""
    weights = next(network.parameters(), None)
    return torch.device("cpu") if weights is None else weights.device
