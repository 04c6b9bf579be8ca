"""Search for the pictures that a known network would turn into given values.

    symbol   here       meaning                                                source
    Φ        encoder    pictures [n,c,h,w] of 0 to 1 to values [n,…]            Eq. 1 of [1]
             misfit     mean squared difference, in parts of the values'        Eq. 4 of [1]
                        variance
    R_V      roughness  total variation: mean length of the step to the two     section 2.1 of [1]
                        next neighbours
    λ        weight     of R_V beside the misfit

[1] Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them" (2015).
Adam on the pixels of all pictures together, kept within 0 to 1; its rate falls along a cosine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dpkit.leakage.attacks.attack import Effort

RATE: Final = 0.05  # of Adam at the start
FLATTEST: Final = 1e-6  # keeps the length of a step differentiable at 0


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network and what its values vary by, one number."""

    encoder: Callable[[Any], Any]
    variance: float

    def misfits(self, pictures: Tensor, values: Tensor) -> Tensor:
        """Return the misfit of each picture, [n].

        Raises
        ------
        UsageError
            The network gives values of another shape.
        """
        made: Tensor = self.encoder(pictures)
        if made.shape != values.shape:
            raise UsageError(
                f"the network makes values {tuple(made.shape)}, released are {tuple(values.shape)}"
            )
        return ((made - values) ** 2).flatten(1).mean(dim=1) / self.variance


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Pictures [n,c,h,w] with their misfits [n], and of each whether all steps were taken [n]."""

    pictures: Tensor
    misfits: Tensor
    ended: Tensor

    @property
    def is_complete(self) -> bool:
        """Whether every picture comes from a search that took all its steps."""
        return bool(self.ended.all())

    def or_better(self, other: Found) -> Found:
        """Return of each picture the one of less misfit."""
        is_better = other.misfits < self.misfits
        pictures = torch.where(is_better[:, None, None, None], other.pictures, self.pictures)
        misfits = torch.minimum(self.misfits, other.misfits)
        return Found(pictures, misfits, torch.where(is_better, other.ended, self.ended))


def inverted(
    network: Network, values: Tensor, start: Tensor, *, weight: float, steps: int, effort: Effort
) -> Found:
    """Return the pictures that fit the values, as far as steps and time allow.

    Parameters
    ----------
    values
        float32 [n,…].
    start
        float32 [n,c,h,w], 0 to 1; left as it is.
    weight
        λ, 0 or more.

    Raises
    ------
    UsageError
        The network cannot be differentiated, or gives values of another shape.
    """
    pictures = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([pictures], lr=RATE)
    step = 0
    while step < steps and effort.left > 0:
        done = max(step / steps, 1 - effort.left / effort.seconds)
        optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * done)) / 2
        misfits = network.misfits(pictures, values)
        if not misfits.requires_grad:
            raise UsageError("the network cannot be differentiated: no gradient comes back")
        total = (misfits + weight * roughness(pictures)).sum()
        (pictures.grad,) = torch.autograd.grad(total, pictures)
        optimizer.step()
        with torch.no_grad():
            pictures.clamp_(0, 1)
        step += 1
    with torch.no_grad():
        found = pictures.detach()
        ended = torch.full((len(found),), step == steps)
        return Found(found, network.misfits(found, values), ended)


def roughness(pictures: Tensor) -> Tensor:
    """Return R_V of each picture, [n]; a side of one pixel has no step along it."""
    down = torch.nn.functional.pad(pictures.diff(dim=2), (0, 0, 0, 1))
    right = torch.nn.functional.pad(pictures.diff(dim=3), (0, 1))
    return (down**2 + right**2 + FLATTEST).sqrt().flatten(1).mean(dim=1)
