"""How much stands somewhere is what the method lets survive, and strangers have no part in it."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.leakage.attacks.mixing import faces, mixed_release

FACES = faces()
SURVIVORS = ATTACKS["survivors"]


@pytest.mark.parametrize("rounds", [1, 3])
def test_as_much_survives_as_the_method_says(rounds):
    replaced = 1 - 0.5**rounds
    found = SURVIVORS.run(mixed_release(FACES, 4, rounds=rounds).view, Effort())
    assert found.figures["survives"] == pytest.approx(1 - replaced * np.exp(-replaced), abs=0.03)
    assert found.figures["members"] == 100
    assert found.images is None
    assert "still stand somewhere" in found.finding


def test_strangers_are_not_counted():
    release = mixed_release(FACES[:60], 4)
    gallery = np.concatenate([release.view.gallery, FACES[60:]])
    found = SURVIVORS.run(replace(release.view, gallery=gallery), Effort())
    assert (found.figures["members"], found.figures["pictures"]) == (60, 100)


def test_a_gallery_of_strangers_finds_nothing():
    view = replace(mixed_release(FACES[:60], 4).view, gallery=FACES[60:])
    found = SURVIVORS.run(view, Effort())
    assert found.finding == ""
    assert found.figures["survives"] == 0
