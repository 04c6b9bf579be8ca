"""One training on a processor: SGD with momentum, one cycle of the learning rate, batches on hand.

Augmentation is that of block mixing's section V.E: flips, rotations, brightness; drawn anew for
each batch, as a developer does with what was released.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]  # pixels [n,c,h,w], labels [n]


@dataclass(frozen=True)
class Recipe:
    epochs: int = 8
    batch: int = 128
    rate: float = 0.2  # at the top of the cycle
    warmup: float = 0.25  # share of the cycle in which the rate rises
    momentum: float = 0.9
    decay: float = 5e-4
    degrees: float = 20.0  # of rotation at most, either way
    brightness: float = 0.2  # at most, either way, as a factor


@dataclass(frozen=True)
class Scale:
    """Standardizes by the mean and deviation of the training pixels, [c,1,1]."""

    mean: Tensor
    deviation: Tensor

    def __call__(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.deviation


def accuracy_after_training(
    make: Callable[[], nn.Module],
    train: Labelled,
    test: Labelled,
    *,
    recipe: Recipe,
    is_augmented: bool,
    seed: int,
) -> float:
    """Train a new network and return its accuracy on `test`; the same seed, the same result."""
    torch.manual_seed(seed)
    network = make().to(memory_format=torch.channels_last)
    draws = torch.Generator().manual_seed(seed)
    images, labels = _tensor(train[0]), torch.from_numpy(train[1])
    scale = Scale(images.mean((0, 2, 3))[:, None, None], images.std((0, 2, 3))[:, None, None])
    steps = recipe.epochs * math.ceil(len(images) / recipe.batch)
    optimizer, schedule = _optimizer(network, recipe, steps)
    network.train()
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(images), generator=draws).split(recipe.batch):
            shown = _augment(images[rows], recipe, draws) if is_augmented else images[rows]
            optimizer.zero_grad()
            cross_entropy(network(scale(shown)), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return _accuracy(network, scale, test)


def _optimizer(
    network: nn.Module, recipe: Recipe, steps: int
) -> tuple[torch.optim.SGD, torch.optim.lr_scheduler.OneCycleLR]:
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.rate,
        momentum=recipe.momentum,
        weight_decay=recipe.decay,
        nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.rate, total_steps=steps, pct_start=recipe.warmup
    )
    return optimizer, schedule


def _augment(images: Tensor, recipe: Recipe, draws: torch.Generator) -> Tensor:
    """Flip half of the images, turn and brighten or darken each by its own draw."""
    count = len(images)
    flips, turns, lights = torch.rand(3, count, generator=draws)
    angles = (2 * turns - 1) * math.radians(recipe.degrees)
    sides = torch.where(flips < 0.5, -1.0, 1.0)
    cosines, sines, zeros = angles.cos(), angles.sin(), torch.zeros(count)
    rows = [
        torch.stack([sides * cosines, -sines, zeros], dim=1),
        torch.stack([sides * sines, cosines, zeros], dim=1),
    ]
    grid = affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    turned = grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    factors = 1 + (2 * lights - 1) * recipe.brightness
    lit = (turned * factors[:, None, None, None]).clamp(0, 1)
    return lit.contiguous(memory_format=torch.channels_last)


def _accuracy(network: nn.Module, scale: Scale, test: Labelled) -> float:
    network.eval()
    with torch.no_grad():
        found = torch.cat([network(scale(b)).argmax(1) for b in _tensor(test[0]).split(256)])
    return float((found == torch.from_numpy(test[1])).float().mean())


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    return (torch.from_numpy(pixels).float() / 255).contiguous(memory_format=torch.channels_last)
