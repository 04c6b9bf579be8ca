"""An obfuscator and its classifier against a reconstructor: the learnable obfuscator's training.

"A privacy-preserving image classification framework with a learnable obfuscator", Algorithm 1.

    symbol    here               meaning                                              paper
    O, C      encoder,           the obfuscator, the classifier                       section 3
              classifier
    R         reconstructor      from the obfuscator's maps to the picture            Table 1
    λ         weight             of the reconstructor's PSNR beside the cross-        Eq. 2
                                 entropy, which O and C minimise together
    MSE       (its own loss)     what R minimises                                     Eq. 3
    T_main    main_steps         steps of O and C on a batch                          Algorithm 1
    T_sub     sub_steps          steps of R on a batch, before those                  Algorithm 1

Ours: R also learns during the warm-up, so that it is no beginner when O first looks at it. R's
pictures lie within 0 to 1 and begin as the mean image: a picture beyond would let O lower the PSNR
without hiding anything. The epoch that counts has the least Eq. 2 on the deciding images, where a
PSNR below the mean image's counts as the mean image's: a reconstructor that lost to a constant is
weak, which says nothing about O. At λ = 0 there is no adversary, and R is not trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from dpkit.errors import UsageError
from dpkit.nets import RECONSTRUCTORS
from dpkit.nets.attackers import FromMean
from dpkit.nets.devices import device_at_hand
from dpkit.nets.obfuscator import maps_shape, obfuscator_and_classifier, xavier
from dpkit.training.draws import torch_draws
from dpkit.training.loop import AT_ONCE, Schedule, Trained, train
from dpkit.training.pictures import (
    Pictures,
    beside_guess,
    images_of,
    mean_image,
    remarks,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch.optim import Optimizer

    from dpkit.nets.obfuscator import ObfuscatedClassifier, Obfuscator
    from dpkit.training.loop import Batch
    from dpkit.training.pictures import Split
    from dpkit.types import Geometry
    from dpkit.types.supply import Supply

RATE: Final = 1e-3  # of Adam
DARKEST: Final = 0.02  # of the mean image, and as far from white: a logit must be finite
LEAST_MSE: Final = 1e-10  # 100 dB
BACKBONES: Final = {"vgg11": 11, "vgg13": 13, "vgg16": 16}
ADVERSARIES: Final = ("simrec", "urec1", "urec2", "resrec")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, and against whom; the sanitizer's parameters.

    Parameters
    ----------
    backbone, stacks, width
        Of `nets.obfuscator`: a key of `BACKBONES`, where it is cut, channels of its first stack.
    reconstructor
        One of `ADVERSARIES`; as wide as the maps have channels.
    weight
        λ, 0 or more.
    warmup
        Epochs without the adversary.
    """

    backbone: str
    stacks: int
    width: int
    reconstructor: str
    weight: float
    epochs: int
    warmup: int
    main_steps: int
    sub_steps: int
    augment: bool
    patience: int


@dataclass(frozen=True, slots=True, eq=False)
class Obfuscation:
    """The trained networks on the processor, in evaluation mode, and how they came to be."""

    encoder: Obfuscator
    classifier: ObfuscatedClassifier
    trained: Trained
    rows: Split
    judged_on: str  # the deciding images, in words
    has_adversary: bool

    def sentence(self) -> str:
        """Say how the training ended, for the provider."""
        chosen = self.trained.curve[self.trained.best_epoch]
        accuracy, _, quality = chosen[len(ObfuscatorLearner.said) :]
        beside = f" and PSNR {quality:.1f} dB of its own adversary" if self.has_adversary else ""
        return (
            f"trained {self.trained.epochs} epochs; epoch {self.trained.best_epoch + 1} is kept, "
            f"with accuracy {accuracy:.3f}{beside} on {self.judged_on}"
        )


class ObfuscatorLearner:
    """Algorithm 1, a batch at a time.

    Parameters
    ----------
    guess
        PSNR of the mean image on the deciding images, in decibels.
    """

    said: tuple[str, ...] = ("cross-entropy", "PSNR", "reconstructor's MSE")
    judged: tuple[str, ...] = ("accuracy", "deciding cross-entropy", "deciding PSNR")

    def __init__(
        self,
        encoder: Obfuscator,
        classifier: ObfuscatedClassifier,
        reconstructor: FromMean,
        recipe: Recipe,
        guess: float,
    ) -> None:
        self.encoder, self.classifier, self.reconstructor = encoder, classifier, reconstructor
        self.recipe, self.guess = recipe, guess
        own = [*encoder.parameters(), *classifier.parameters()]
        self._main = torch.optim.Adam(own, lr=RATE)
        self._sub = torch.optim.Adam(reconstructor.parameters(), lr=RATE)

    def networks(self) -> Mapping[str, nn.Module]:
        """Return obfuscator, classifier and reconstructor."""
        return {
            "encoder": self.encoder,
            "classifier": self.classifier,
            "reconstructor": self.reconstructor,
        }

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return one for obfuscator and classifier together, one for the reconstructor."""
        return {"main": self._main, "sub": self._sub}

    def step(self, batch: Batch) -> tuple[Tensor, ...]:
        """Take T_sub steps of the reconstructor, then T_main of obfuscator and classifier."""
        mse = torch.zeros((), device=batch.images.device)
        if self.recipe.weight:
            mse = self._learn_to_reconstruct(batch)
        self.reconstructor.requires_grad_(False)
        weight = self.recipe.weight if batch.epoch >= self.recipe.warmup else 0.0
        for _ in range(self.recipe.main_steps):
            entropy, quality = self._learn_to_classify(batch, weight)
        self.reconstructor.requires_grad_(True)
        return entropy.detach(), quality.detach(), mse.detach()

    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return accuracy, cross-entropy and PSNR."""
        maps = self.encoder(batch.images)
        logits = self.classifier(maps)
        right = (logits.argmax(dim=1) == batch.labels).float().mean()
        quality = psnr(self.reconstructor(maps), batch.images)
        return right, cross_entropy(logits, batch.labels), quality

    def score(self, epoch: int, judged: tuple[float, ...]) -> float:
        """Return Eq. 2, a PSNR below the guess counted as the guess; infinity in the warm-up."""
        _, entropy, quality = judged
        if not self.recipe.weight:
            return entropy
        if epoch < self.recipe.warmup:
            return math.inf
        return entropy + self.recipe.weight * max(quality, self.guess)

    def _learn_to_reconstruct(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            maps = self.encoder(batch.images)
        for _ in range(self.recipe.sub_steps):
            self._sub.zero_grad()
            mse = mse_loss(self.reconstructor(maps), batch.images)
            torch.autograd.backward(mse)
            self._sub.step()
        return mse

    def _learn_to_classify(self, batch: Batch, weight: float) -> tuple[Tensor, Tensor]:
        self._main.zero_grad()
        maps = self.encoder(batch.images)
        entropy = cross_entropy(self.classifier(maps), batch.labels)
        with torch.set_grad_enabled(bool(weight)):
            quality = psnr(self.reconstructor(maps), batch.images)
        torch.autograd.backward(entropy + weight * quality if weight else entropy)
        self._main.step()
        return entropy, quality


def psnr(found: Tensor, images: Tensor) -> Tensor:
    """Return the mean over images [n,c,h,w] of 0 to 1 of 10 log10(1 / MSE)."""
    errors = ((found - images) ** 2).flatten(1).mean(dim=1)
    return (-10 * torch.log10(errors.clamp(min=LEAST_MSE))).mean()


def obfuscated(recipe: Recipe, geometry: Geometry, seed: int, supply: Supply) -> Obfuscation:
    """Train by the recipe, or go on from the supply's checkpoint.

    Raises
    ------
    UsageError
        The supply has no images, or too few or too few classes of them; or no loss was finite.
    """
    images = images_of(supply)
    pictures = Pictures(images, geometry.peak, device_at_hand())
    rows = split(images, seed)
    for remark in remarks(images, rows):
        supply.voice.notice(remark)
    learner = _learner(recipe, geometry, seed, pictures, rows)
    schedule = Schedule(
        recipe.epochs, seed, patience=recipe.patience, augment=recipe.augment,
        stage="training the obfuscator",
    )  # fmt: skip
    trained = train(learner, pictures, rows, schedule, supply)
    if trained.best_epoch < 0:
        raise UsageError(
            "the training came to no finite loss", remedy="give a smaller --lambda, or more images"
        )
    encoder, classifier = learner.encoder.cpu(), learner.classifier.cpu()
    judged_on = beside_guess(images, rows)
    return Obfuscation(encoder, classifier, trained, rows, judged_on, bool(recipe.weight))


def empty_networks(
    recipe: Recipe, channels: int, classes: int
) -> tuple[Obfuscator, ObfuscatedClassifier]:
    """Return obfuscator and classifier with first weights."""
    return obfuscator_and_classifier(
        layers=BACKBONES[recipe.backbone],
        stacks=recipe.stacks,
        classes=classes,
        in_channels=channels,
        width=recipe.width,
    )


def _learner(
    recipe: Recipe,
    geometry: Geometry,
    seed: int,
    pictures: Pictures,
    rows: Split,
) -> ObfuscatorLearner:
    shape = (geometry.channels, geometry.height, geometry.width)
    maps = maps_shape(recipe.stacks, recipe.width, geometry.height, geometry.width)
    mean = mean_image(pictures, rows.learned)
    with torch_draws(seed, "first weights"):
        encoder, classifier = empty_networks(recipe, geometry.channels, pictures.classes)
        inner = RECONSTRUCTORS[recipe.reconstructor](
            in_shape=maps, out_shape=shape, width=maps[0]
        ).apply(_xavier_but_zeros)
    guess = guess_of(mean, pictures, rows.deciding)
    reconstructor = FromMean(inner, mean.cpu(), DARKEST)
    for network in (encoder, classifier, reconstructor):
        network.to(pictures.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it; a third faster
    return ObfuscatorLearner(encoder, classifier, reconstructor, recipe, guess)


def guess_of(mean: Tensor, pictures: Pictures, rows: NDArray[np.int64]) -> float:
    """Return the PSNR of the mean image [c,h,w] on all images of some rows, in decibels."""
    total = 0.0
    for start in range(0, len(rows), AT_ONCE):
        images = pictures.images(rows[start : start + AT_ONCE])
        total += len(images) * float(psnr(mean.expand_as(images), images))
    return total / len(rows)


def _xavier_but_zeros(module: nn.Module) -> None:
    """Draw all weights by Xavier's law but those of a last layer of zeros."""
    if isinstance(module, nn.Conv2d) and not module.weight.any():
        return
    xavier(module)
