"""One training on values at hand: batches by seed, one cycle of the learning rate, no augmentation.

A seed fixes the first weights and the batches. The loss is written down after some steps, so that
two runs which ought to be the same can be compared step by step. Values lie channel by channel, as
they are released: with channels innermost VGG's losses ended higher, whatever its first layer was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from torch import nn

    from bench.mole_exchange import Shown
    from bench.notebook import Result

STEPS = (1, 10, 50, 200)  # after which the loss is noted
AT_ONCE = 250


@dataclass(frozen=True)
class Recipe:
    """`adam` in place of SGD with momentum; `rate` is that at the top of the cycle."""

    epochs: int
    rate: float
    batch: int = 64
    warmup: float = 0.25  # share of the cycle in which the rate rises
    momentum: float = 0.9
    decay: float = 5e-4
    adam: bool = False


def learn(network: nn.Module, train: Shown, test: Shown, recipe: Recipe, seed: int) -> Result:
    """Train a network in place; return its accuracy on `test` and the losses on the way."""
    network.train()
    draws = torch.Generator().manual_seed(seed)
    optimizer, schedule = _optimizer(network, recipe, len(train.labels))
    losses: list[float] = []
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(train.labels), generator=draws).split(recipe.batch):
            loss = cross_entropy(network(train.values[rows]), train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    noted = {f"loss {step}": losses[step - 1] for step in STEPS if step <= len(losses)}
    last = losses[-len(losses) // recipe.epochs :]
    return {"accuracy": accuracy(network, test), **noted, "loss of last epoch": fmean(last)}


@torch.no_grad()
def accuracy(network: nn.Module, test: Shown) -> float:
    network.eval()
    named = torch.cat([network(values).argmax(1) for values in test.values.split(AT_ONCE)])
    return float((named == test.labels).float().mean())


def _optimizer(
    network: nn.Module, recipe: Recipe, images: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
    learnt = [weights for weights in network.parameters() if weights.requires_grad]
    optimizer: torch.optim.Optimizer
    if recipe.adam:
        optimizer = torch.optim.Adam(learnt, recipe.rate)
    else:
        optimizer = torch.optim.SGD(
            learnt, recipe.rate, recipe.momentum, weight_decay=recipe.decay, nesterov=True
        )
    steps = recipe.epochs * math.ceil(images / recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=steps, pct_start=recipe.warmup,
        cycle_momentum=False,
    )  # fmt: skip
    return optimizer, schedule
