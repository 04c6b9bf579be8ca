"""From labelled images to a trained bipartite network: Privacy Partitioning as one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.errors import DpkitError, UsageError
from dpkit.nets.attackers import DEFENDERS, FromMean
from dpkit.nets.bipartite import BIPARTITE, WIDTHS, Bipartite, maps_shape
from dpkit.nets.devices import device_at_hand
from dpkit.training.draws import torch_draws
from dpkit.training.loop import Schedule, Trained, train
from dpkit.training.pictures import (
    Pictures,
    beside_guess,
    images_of,
    mean_image,
    remarks,
    split,
)
from dpkit.training.state import arrays_of, load_into
from dpkit.training.suite import RemoteLearner, SuiteLearner
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

    from dpkit.nets.reconstructors import Shape
    from dpkit.training.pictures import Split
    from dpkit.types import Geometry

PATIENCE: Final = 10
TUNING_EPOCHS: Final = 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, and against whom.

    Parameters
    ----------
    network, split, width
        Of `dpkit.nets.bipartite`; width 0 is the network's own.
    defenders
        How many of the network's defenders, from the first; 0 or a strength of 0 trains the task
        alone.
    strength
        λ.
    distance
        mse or ssim.
    epochs
        At most.
    """

    network: str
    split: int
    width: int
    defenders: int
    strength: float
    distance: str
    epochs: int

    @property
    def full_width(self) -> int:
        """The width that is meant."""
        return self.width or WIDTHS[self.network]

    @property
    def is_defended(self) -> bool:
        """Say whether anything but the task is learned."""
        return bool(self.defenders and self.strength)


@dataclass(frozen=True, slots=True, eq=False)
class Partitioned:
    """A trained network on the processor, in evaluation mode, and how it came to be."""

    network: Bipartite
    trained: Trained
    rows: Split
    judged_on: str  # the deciding images, in words

    def sentence(self) -> str:
        """Say how long it learned, from what, and how well the epoch that counts decides."""
        best = self.trained.curve[self.trained.best_epoch]
        accuracy = best[self.trained.columns.index("validation accuracy")]
        return (
            f"trained for {self.trained.epochs} epochs on {len(self.rows.learned)} images; "
            f"epoch {self.trained.best_epoch + 1} is kept, with accuracy {accuracy:.3f} on "
            f"{self.judged_on}"
        )


def partitioned(recipe: Recipe, geometry: Geometry, seed: int, supply: Supply) -> Partitioned:
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
    shape = (geometry.channels, geometry.height, geometry.width)
    learner = _learner(recipe, pictures, rows, seed, _Made(shape, images.classes))
    schedule = Schedule(recipe.epochs, seed, patience=PATIENCE, augment=False)
    trained = train(learner, pictures, rows, schedule, supply)
    if trained.best_epoch < 0:
        raise UsageError(
            "the training came to no finite loss", remedy="give a smaller --lambda, or more images"
        )
    return Partitioned(learner.network.cpu().eval(), trained, rows, beside_guess(images, rows))


@dataclass(frozen=True, slots=True)
class _Made:
    """Of which images and how many classes a network is."""

    shape: Shape
    classes: int


def fine_tuned(made: Partitioned, geometry: Geometry, seed: int, supply: Supply) -> Trained:
    """Train the remote part further, the local one locked (section IV.G); changes it in place."""
    device = device_at_hand()
    pictures = Pictures(images_of(supply), geometry.peak, device)
    schedule = Schedule(TUNING_EPOCHS, seed, patience=PATIENCE, augment=False, stage="tuning")
    learner = RemoteLearner(made.network.to(device))
    fresh = Supply(
        images=supply.images, voice=supply.voice
    )  # a checkpoint is of the first training
    trained = train(learner, pictures, made.rows, schedule, fresh)
    made.network.cpu().eval()
    return trained


def key_arrays(made: Partitioned) -> dict[str, NDArray[Any]]:
    """Return both parts' weights and the curve by name.

    Raises
    ------
    DpkitError
        A weight is not finite: the training broke down.
    """
    network = made.network
    weights = arrays_of(network.local, "local") | arrays_of(network.remote, "remote")
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise DpkitError("the training ended in weights that are no numbers; lower --lambda")
    return weights


def local_part(recipe: Recipe, shape: Shape, arrays: Mapping[str, NDArray[Any]]) -> nn.Module:
    """Return the local part that a key's arrays hold, on the processor, in evaluation mode."""
    with torch.device("meta"):
        local = BIPARTITE[recipe.network](
            shape=shape, classes=1, split=recipe.split, width=recipe.full_width
        ).local
    local = local.to_empty(device="cpu")
    load_into(local, arrays, "local")
    return local.eval().requires_grad_(requires_grad=False)


def _learner(
    recipe: Recipe, pictures: Pictures, rows: Split, seed: int, made: _Made
) -> SuiteLearner:
    """Draw the first weights of network and defenders."""
    width, device = recipe.full_width, pictures.device
    maps = maps_shape(recipe.network, made.shape, recipe.split, width)
    chosen = list(DEFENDERS[recipe.network].items())[: recipe.defenders * recipe.is_defended]
    mean = mean_image(pictures, rows.learned) if chosen else torch.empty(0)
    with torch_draws(seed, "first weights"):
        network = BIPARTITE[recipe.network](
            shape=made.shape, classes=made.classes, split=recipe.split, width=width
        )
        defenders = {
            name: FromMean(make(in_shape=maps, out_shape=made.shape), mean).to(device)
            for name, make in chosen
        }
    return SuiteLearner(
        network.to(device),
        defenders,
        strength=recipe.strength,
        distance=recipe.distance,
        epochs=recipe.epochs,
    )
