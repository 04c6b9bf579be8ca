"""A core from a seed of 10 bits is found; dpkit's own keys are not tried."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.leakage.attacks.released import PRIVATE, crops, decibels, morphed

ATTACK = ATTACKS["small-seed"]
PIXELS = crops(PRIVATE, 4, 8, channels=1)
SEED = 1_001


def legacy(cores, law, kappa):
    """Return the view of a release under cores [1 or κ,q,q] that a script drew from a seed."""
    released = morphed(PIXELS, kappa=kappa, law=law)
    rows = released.rows.reshape(4, kappa, 1, -1)
    values = np.matmul(rows, cores).reshape(4, 1, 8, 8).astype(np.float32)
    said = {**released.view.parameters, "seed_bits": 10}
    said["cores"] = "shared" if len(cores) == 1 else "distinct"
    return replace(released.view, values=values, parameters=said)


@pytest.mark.parametrize("count", [1, 8])
def test_a_seed_of_ten_bits_is_found(count):
    drawn = np.random.RandomState(SEED).random_sample((count, 8, 8))
    found = ATTACK.run(legacy(drawn, "uniform", 8), Effort())
    assert found.figures["tried"] == SEED + 1
    assert decibels(PIXELS, found.images).min() > 40


@pytest.mark.parametrize("law", ["gaussian", "orthogonal"])
def test_so_is_one_of_the_newer_generator(law):
    drawn = np.random.default_rng(77).standard_normal((1, 8, 8)) / np.sqrt(8)
    cores = np.linalg.qr(drawn * np.sqrt(8))[0] if law == "orthogonal" else drawn
    found = ATTACK.run(legacy(cores, law, 8), Effort())
    assert found.finding
    assert decibels(PIXELS, found.images).min() > 40


def test_a_core_from_elsewhere_is_not_found():
    cores = np.random.default_rng(2**40).standard_normal((1, 16, 16))
    found = ATTACK.run(legacy(cores, "gaussian", 4), Effort())
    assert found.images is None
    assert not found.finding


def test_is_not_tried_without_cause():
    assert "256 bits" in ATTACK.unfit(morphed(PIXELS, kappa=8).view)
