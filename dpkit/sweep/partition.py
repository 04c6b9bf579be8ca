"""What a partitioned network is worth against attackers that were given a fair chance.

"Privacy Partitioning", sections IV and V.A. One case is a split point, a λ and a seed:

1. The network is trained by Algorithm 1, and once more without a defence (`undefended`).
2. Every attacker of the network's kind is trained anew on values and images of the training part,
   the local part frozen: three learning rates, to convergence, the held-out loss deciding
   (`leakage.fitting`). It so knows as much as the provider's own defenders.
3. All are scored on the test part, which nothing has seen; pixels are of 0 to 1.

    metric             here        meaning
    MSE                mse         mean squared error of a picture, mean over pictures
    SSIM               ssim        structural similarity, within -1 to 1
    PSNR               psnr        10 log10(1 / MSE) of a picture in decibels, mean over pictures
    reprint accuracy   reprint     share of the best attacker's pictures that the undefended network
                                   classifies as their originals' labels say (section V.A)
    ndf-squeeze        perceptual  perceptual distance of the best attacker's pictures, where the
                                   extra `perceptual` is installed (`leakage.perceptual`)
    too weak           is_weak     an attacker whose MSE is not below that of the mean image: it
                                   learned nothing, and counts for nothing

The guesses are the mean image and one grey for all, both of the training part.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn.functional import mse_loss

from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.fitting import Lesson, evaluated, fit
from dpkit.nets.attackers import ATTACKERS, FromMean
from dpkit.sweep.perceived import perceived
from dpkit.training.distances import similarity, squared
from dpkit.training.obfuscation import psnr
from dpkit.training.partitioned import fine_tuned, partitioned
from dpkit.training.suite import share_right

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from dpkit.leakage.fitting import Fit
    from dpkit.nets.bipartite import Bipartite
    from dpkit.sweep.source import Provided
    from dpkit.training.partitioned import Partitioned, Recipe
    from dpkit.types.supply import Supply

FOREVER: Final = 1e9  # seconds: an attacker ends when it has converged, not by the clock


@dataclass(frozen=True, slots=True)
class Scores:
    """What pictures score beside the originals: means over the test part."""

    mse: float
    ssim: float
    psnr: float


@dataclass(frozen=True, slots=True)
class Attacked:
    """What one attacker reached on the test part, and how it was trained."""

    name: str
    mse: float
    ssim: float
    psnr: float
    is_weak: bool
    rate: float
    steps: int
    converged: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One split point, λ and seed. Accuracies are shares of the test part."""

    split: int
    strength: float
    seed: int
    accuracy: float
    undefended: float
    fine_tuned: float
    mean_image: Scores
    one_grey: Scores
    attackers: tuple[Attacked, ...]
    reprint: float
    perceptual: float | None = None

    @property
    def counting(self) -> tuple[Attacked, ...]:
        """The attackers that are not too weak; all of them where there is no other."""
        return tuple(each for each in self.attackers if not each.is_weak) or self.attackers

    @property
    def best(self) -> Attacked:
        """The attacker with the smallest error."""
        return min(self.attackers, key=lambda attacked: attacked.mse)

    @property
    def best_ssim(self) -> float:
        """The largest SSIM of any attacker that counts."""
        return max(attacked.ssim for attacked in self.counting)


@dataclass(frozen=True, slots=True)
class Asked:
    """One case to be measured.

    Parameters
    ----------
    attackers
        Their names.
    is_full
        Whether they are trained to convergence whatever it takes, or 1,500 steps at most.
    """

    recipe: Recipe
    seed: int
    attackers: tuple[str, ...]
    is_full: bool = True


def measure(source: Provided, asked: Asked, plain: Bipartite, supply: Supply) -> Case:
    """Train the network of one case and every attacker of it, and score them all.

    Parameters
    ----------
    plain
        The same kind of network, trained without a defence on the same images.
    supply
        With the source's images.
    """
    recipe, seed = asked.recipe, asked.seed
    made = partitioned(recipe, source.geometry, seed, supply)
    scale, found = _Scale(source, made), {}
    makes = ATTACKERS[recipe.network]
    for place, name in enumerate(asked.attackers):
        supply.voice.progress("attacking: attackers", place, len(asked.attackers))
        supply.voice.safe_point()
        found[name] = fit(scale.lesson(makes[name]), Effort(FOREVER, seed, asked.is_full))
    attackers = tuple(scale.attacked(name, each) for name, each in found.items())
    best = min(attackers, key=lambda attacked: attacked.mse)
    pictures = scale.pictures(found[best.name])
    return Case(
        split=recipe.split,
        strength=recipe.strength,
        seed=seed,
        accuracy=scale.accuracy(made.network),
        undefended=scale.accuracy(plain),
        fine_tuned=_fine_tuned(made, asked, supply, scale),
        mean_image=scale.guess(scale.mean),
        one_grey=scale.guess(scale.mean.mean(dim=(1, 2), keepdim=True)),
        attackers=attackers,
        reprint=scale.right(plain, pictures),
        perceptual=perceived(pictures, scale.truth),
    )


class _Scale:
    """The images of one case beside their values; what attackers learn from and are scored on."""

    def __init__(self, source: Provided, made: Partitioned) -> None:
        self.geometry = source.geometry
        tested = source.rows("test")
        order = np.concatenate([made.rows.learned, made.rows.deciding, tested])
        ends = len(made.rows.learned), len(order) - len(tested), len(order)
        self.learned, self.deciding, self.tested = torch.arange(len(order)).tensor_split(ends[:2])
        planes = np.moveaxis(source.pixels(order), -1, 1) / np.float32(source.geometry.peak)
        self.pixels = torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))
        self.mean = self.pixels[self.learned].mean(dim=0)
        self.truth = self.pixels[self.tested]
        self.labels = torch.from_numpy(source.images.labels[tested])
        self.values = _standard(evaluated(made.network.local, self.pixels), self.learned)
        self.mean_error = self.guess(self.mean).mse

    def lesson(self, make: Callable[..., nn.Module]) -> Lesson:
        """Return what one kind of attacker is to learn."""
        inside, outside = tuple(self.values.shape[1:]), tuple(self.mean.shape)
        return Lesson(
            lambda: FromMean(make(in_shape=inside, out_shape=outside), self.mean),
            self.values,
            self.pixels,
            mse_loss,
            self.learned,
            self.deciding,
        )

    def pictures(self, attacker: Fit) -> Tensor:
        """Return what an attacker makes of the test part."""
        return attacker(self.values[self.tested])

    def attacked(self, name: str, attacker: Fit) -> Attacked:
        """Score an attacker."""
        scores = self.scores(self.pictures(attacker))
        return Attacked(
            name,
            scores.mse,
            scores.ssim,
            scores.psnr,
            is_weak=scores.mse >= self.mean_error,
            rate=attacker.rate,
            steps=attacker.steps,
            converged=attacker.converged,
        )

    def guess(self, picture: Tensor) -> Scores:
        """Score one picture [c,·,·] for all images."""
        return self.scores(picture.expand(self.truth.shape))

    def scores(self, pictures: Tensor) -> Scores:
        """Score pictures of the test part."""
        errors, likeness = squared(pictures, self.truth), similarity(pictures, self.truth)
        return Scores(
            float(errors.mean()), float(likeness.mean()), float(psnr(pictures, self.truth))
        )

    def accuracy(self, network: nn.Module) -> float:
        """Return the share of the test part that a network classifies right."""
        return self.right(network, self.truth)

    def right(self, network: nn.Module, pictures: Tensor) -> float:
        """Return the share of pictures of the test part that are given their images' labels."""
        return float(share_right(evaluated(network, pictures), self.labels))


def _standard(values: Tensor, learned: Tensor) -> Tensor:
    """Return values with mean 0 and deviation 1 in each channel of the rows to learn from."""
    seen = values[learned]
    mean = seen.mean(dim=(0, 2, 3), keepdim=True)
    deviation = seen.std(dim=(0, 2, 3), keepdim=True)
    return (values - mean) / torch.where(deviation > 0, deviation, 1.0)


def _fine_tuned(made: Partitioned, asked: Asked, supply: Supply, scale: _Scale) -> float:
    """Return the accuracy after the remote part was trained further, the local one locked."""
    again = replace(made, network=copy.deepcopy(made.network))
    fine_tuned(again, scale.geometry, asked.seed, supply)
    return scale.accuracy(again.network)
