"""What is said of pixelation: the promise with its size, and where the paper's scale fails."""

import math

import pytest

from dpkit.errors import UsageError
from dpkit.leakage.advice import CONTRACT, OF_PIXELS, advice
from dpkit.leakage.claims import BOUNDS
from dpkit.leakage.verdict import verdict
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.pixelate import Pixelate
from dpkit.types import Geometry

GREY, COLOUR = Geometry(1, 32, 32, 8), Geometry(3, 32, 32, 8)


def bounds(geometry, **given):
    return BOUNDS["pixelate"](parameters(Pixelate(**given)), geometry)


def said(geometry, **given):
    return verdict("pixelate", parameters(Pixelate(**given)), geometry, 100)


def test_the_promise_is_of_pixels_and_not_of_a_person():
    found = said(COLOUR, epsilon=0.5)
    assert found.startswith("What 16 pixels of an image show is 0.5-differentially private")
    assert "a person who fills more of it" in found
    assert "further releases add to ε" in found
    assert not found.endswith(".")
    assert "What 1 pixel of an image shows" in said(COLOUR, neighborhood=1)


def test_the_promise_counts_all_channels():
    assert "is 1.5-differentially" in said(COLOUR, epsilon=0.5, per_channel=True)
    assert "is 0.5-differentially" in said(GREY, epsilon=0.5, per_channel=True)


@pytest.mark.parametrize("per_channel", [False, True])
def test_the_total_is_that_of_the_sanitizers_own_guarantee(per_channel):
    scheme = Pixelate(epsilon=2, per_channel=per_channel)
    total = float(scheme.guarantee(COLOUR).epsilon)
    neighbours, whole, _ = BOUNDS["pixelate"](parameters(scheme), COLOUR)
    assert neighbours.value == f"e^{total:g} = 10^{total / math.log(10):.3g}"
    assert whole.value.startswith(f"e^{total * 64:g} = ")


def test_the_papers_scale_holds_for_one_channel_and_whole_cells():
    found = bounds(GREY, cell=4, epsilon=2)[2]
    assert found.holds
    assert found.value == f"{255 * 16 / (16 * 2):.4g} grey levels"


@pytest.mark.parametrize(
    ("geometry", "cell", "why"), [(COLOUR, 4, "3 times ε"), (GREY, 5, "smaller cells at the edges")]
)
def test_the_papers_scale_fails_elsewhere(geometry, cell, why):
    found = bounds(geometry, cell=cell)[2]
    assert found.holds is False
    assert why in found.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [("epsilon", 0), ("epsilon", None), ("epsilon", math.inf), ("epsilon", True),
     ("cell", 0), ("cell", 1.5), ("neighborhood", "16")],
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused(name, value):
    with pytest.raises(UsageError, match=name):
        BOUNDS["pixelate"](parameters(Pixelate()) | {name: value}, GREY)


def test_the_advice_does_not_deny_the_privacy_that_there_is():
    assert advice("pixelate", (), "none") == (OF_PIXELS,)
    assert advice("morph", (), "none") == (CONTRACT,)
    assert advice("pixelate", (), "unknown")[-1] == OF_PIXELS
