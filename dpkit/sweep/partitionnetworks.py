"""Trained networks of a sweep of partitions: each once, and again from its cell after a kill."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.nets.bipartite import BIPARTITE
from dpkit.sweep.cells import CellCheckpoints, number_name
from dpkit.training.loop import Trained
from dpkit.training.partitioned import Partitioned, partitioned
from dpkit.training.pictures import split as rows_of
from dpkit.training.state import arrays_of, load_into
from dpkit.training.suite import SuiteLearner
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.sweep.cells import Cells
    from dpkit.sweep.source import Provided
    from dpkit.training.partitioned import Recipe
    from dpkit.types.voice import Voice

    Arrays = Mapping[str, NDArray[Any]]

NETWORK: Final = "network"


class Networks:
    """Networks by recipe and seed: from their cells, or trained now and kept there."""

    def __init__(self, source: Provided, cells: Cells, voice: Voice) -> None:
        self._source, self._cells, self._voice = source, cells, voice

    def supply(self, name: str = "") -> Supply:
        """Return the images, and where a training of this name leaves its checkpoints."""
        if not name:
            return Supply(images=self._source.images, voice=self._voice)
        checkpoints = CellCheckpoints(self._cells, name)
        return Supply(images=self._source.images, checkpoints=checkpoints, voice=self._voice)

    def trained(self, recipe: Recipe, seed: int) -> Partitioned:
        """Return one network."""
        name = network_name(recipe, seed)
        arrays = self._cells.arrays(name)
        if arrays is not None:
            return self._kept(recipe, seed, arrays)
        trained = recipe if recipe.is_defended else replace(recipe, split=1)
        made = partitioned(trained, self._source.geometry, seed, self.supply(name))
        self._cells.keep(name, _arrays(made))
        CellCheckpoints(self._cells, name).end()
        return replace(made, network=made.network.at(recipe.split))

    def _kept(self, recipe: Recipe, seed: int, arrays: Arrays) -> Partitioned:
        geometry, images = self._source.geometry, self._source.images
        network = BIPARTITE[recipe.network](
            shape=(geometry.channels, geometry.height, geometry.width),
            classes=images.classes,
            split=1,
            width=recipe.full_width,
        )
        load_into(network, arrays, NETWORK)
        columns = SuiteLearner.said + SuiteLearner.judged
        trained = Trained(columns, arrays["curve"], int(arrays["best_epoch"]))
        rows = rows_of(images, seed)
        return Partitioned(network.eval().at(recipe.split), trained, rows, rows.deciding_from)


def network_name(recipe: Recipe, seed: int) -> str:
    """Return the name of a network's cell.

    Where nothing is defended, the split point is nowhere in the training, nor in the name: first
    weights are drawn stage by stage, and the loss is that of the whole network.
    """
    if not recipe.is_defended:
        return f"undefended-{seed}"
    return f"network-{recipe.split}-{number_name(recipe.strength)}-{seed}"


def _arrays(made: Partitioned) -> Arrays:
    """Return the weights, named as if the network were cut after its first stage; and the curve."""
    weights = arrays_of(made.network.at(1), NETWORK)
    best = np.int64(made.trained.best_epoch)
    return {**weights, "curve": made.trained.curve, "best_epoch": np.array(best)}
