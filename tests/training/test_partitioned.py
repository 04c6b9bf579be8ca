"""A training that came to nothing is no network."""

import dataclasses

import pytest

from dpkit.errors import UsageError
from dpkit.training import partitioned as made
from dpkit.training.partitioned import Recipe, partitioned
from dpkit.types import Geometry
from dpkit.types.supply import Supply
from tests.supplies import striped

RECIPE = Recipe("mlp", 1, 1, 0, 0.0, "mse", 1)


def test_a_training_without_a_finite_loss_is_refused_with_a_remedy(monkeypatch):
    def broken(*given):
        return dataclasses.replace(made_by(*given), best_epoch=-1)

    made_by = made.train
    monkeypatch.setattr(made, "train", broken)
    geometry = Geometry(1, 8, 8, 8)
    with pytest.raises(UsageError, match="no finite loss; give a smaller --lambda"):
        partitioned(RECIPE, geometry, 0, Supply(images=striped(geometry, 60)))
