"""The papers' numbers: as the papers print them, and why they are no promise."""

import math

import pytest

from dpkit.errors import UsageError
from dpkit.leakage.claims import BOUNDS
from dpkit.leakage.morph_bounds import known_images, known_images_sentence, morph_bounds
from dpkit.types import Geometry
from tests.leakage.conftest import MIX

CIFAR = Geometry(3, 32, 32, 8)
FIGURE_7 = Geometry(3, 128, 128, 8)


def bounds(kappa, geometry=CIFAR, cores="shared"):
    return {b.equation: b for b in morph_bounds({"kappa": kappa, "cores": cores}, geometry)}


def test_the_paper_s_numbers_for_cifar_at_kappa_1():
    """Section 5.2: 2^-(9e6), 2^-(6e6), 7.9e-90 and 3072 pairs."""
    found = bounds(1)
    assert found["Eq. 10"].log2 == -(3072**2)
    assert found["Eq. 14"].log2 == -(2048 * 3072)
    assert found["P_r,bf"].value == "1/64! = 7.9e-90"
    assert found["P_r,bf"].log10 == pytest.approx(-math.log10(math.factorial(64)))
    assert found["D-T pairs"].value == "3,072 claimed; 3,072 needed"


@pytest.mark.parametrize("kappa", [1, 3, 4, 16, 64])
def test_no_claim_holds_and_each_says_why(kappa):
    for bound in bounds(kappa).values():
        assert bound.holds is False
        assert len(bound.reason) > 40


def test_the_logarithms_agree():
    for bound in bounds(4).values():
        if bound.log2 is not None:
            assert bound.log10 == pytest.approx(bound.log2 * math.log10(2))


def test_the_largest_kappa_of_a_padded_layer_on_colour_images_is_three():
    assert "above the limit" in bounds(16)["Eq. 13"].reason
    assert "The condition is met" in bounds(3)["Eq. 13"].reason
    assert bounds(3)["Eq. 13"].value == "κ ≤ 3; here 3"


def test_beyond_that_kappa_one_channel_leaves_nothing_to_guess():
    assert bounds(3)["Eq. 14"].log2 == 0.0
    assert bounds(16)["Eq. 14"].log2 == 0.0
    assert str(bounds(16)["Eq. 14"].log10) == "0.0"


@pytest.mark.parametrize(
    ("kappa", "cores", "images"),
    [(1, "shared", 3072), (16, "shared", 12), (64, "shared", 1), (16, "distinct", 192)],
)
def test_one_shared_core_opens_with_q_over_kappa_images(kappa, cores, images):
    assert known_images({"kappa": kappa, "cores": cores}, CIFAR) == images


def test_the_count_is_rounded_up():
    assert known_images({"kappa": 1536, "cores": "shared"}, FIGURE_7) == 1  # q = 32
    assert known_images({"kappa": 128, "cores": "shared"}, FIGURE_7) == 3  # q = 384
    assert known_images({"kappa": 96, "cores": "shared"}, FIGURE_7) == 6  # 512 / 96 = 5.33


def test_the_sentence_counts_of_how_many():
    shared = {"kappa": 16, "cores": "shared"}
    assert known_images_sentence(shared, CIFAR, 50_000) == (
        "With one core shared by all blocks, 12 known images of 50,000 open all of them"
    )
    assert "1 known image of 500 opens all of them" in known_images_sentence(
        {"kappa": 64, "cores": "shared"}, CIFAR, 500
    )
    assert known_images_sentence({"kappa": 16, "cores": "distinct"}, CIFAR, 500) == (
        "With a core for each block, 192 known images of 500 open all of them"
    )


def test_a_release_smaller_than_that_is_not_called_safe():
    found = known_images_sentence({"kappa": 1, "cores": "shared"}, CIFAR, 100)
    assert found == (
        "With one core for the whole image, 3,072 known images open all of them; this release has "
        "100, and far fewer already show what the others look like"
    )


def test_other_sanitizers_have_no_such_count():
    assert known_images({"Lb": 24}, CIFAR) is None
    assert known_images_sentence({"Lb": 24}, CIFAR, 100) == ""


@pytest.mark.parametrize("kappa", [0, -1, 7, True, 2.0, "16", None])
def test_a_kappa_that_cannot_be_is_refused(kappa):
    with pytest.raises(UsageError, match="kappa"):
        bounds(kappa)


@pytest.mark.parametrize(
    ("name", "parameters"), [("morph", {"kappa": 4, "cores": "shared"}), ("mix", MIX)]
)
def test_every_sanitizer_in_the_table_gives_marked_claims(name, parameters):
    found = BOUNDS[name](parameters, CIFAR)
    assert all(b.name and b.equation and b.claim and b.value and b.unit for b in found)
