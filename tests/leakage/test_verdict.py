"""The sentence beside the statement, for each sanitizer."""

import pytest

from dpkit.errors import UsageError
from dpkit.leakage.claims import BOUNDS
from dpkit.leakage.morph_bounds import known_images_sentence
from dpkit.leakage.verdict import VERDICTS, verdict
from dpkit.types import Geometry

PAPER = Geometry(3, 192, 192, 8)


def of_mix(**changes):
    given = {"Lb": 24, "Wb": 24, "Ns": 10, "Nt": 1, "p_replace": 0.5, "min_pool": 200}
    return verdict("mix", {**given, "mix_parts": "all", **changes}, PAPER, 5000)


@pytest.mark.parametrize("kappa", [1, 16, 64])
@pytest.mark.parametrize("images", [40, 50_000])
def test_morph_is_told_how_many_known_images_open_it(kappa, images):
    geometry, parameters = Geometry(3, 32, 32, 8), {"kappa": kappa, "cores": "shared"}
    found = verdict("morph", parameters, geometry, images)
    assert found == known_images_sentence(parameters, geometry, images)
    assert "open" in found


def test_mix_is_told_how_much_stays_and_what_the_rest_is():
    assert of_mix() == (
        "On average 50 % of a mixed image is its original, in place, and the rest "
        "are blocks of other originals of the same label, as they are"
    )
    assert of_mix(Nt=3).startswith("On average 12.5 % of a mixed image")
    assert of_mix(Lb=96, Wb=96).startswith("On average 46.7 % of a mixed image")


def test_where_every_block_is_replaced_all_are_said_to_be_of_others():
    assert of_mix(p_replace=1) == (
        "Every block of a mixed image is a block of another original of the same label, as it is"
    )


def test_parts_that_are_not_mixed_are_said_to_be_published():
    words = ". The parts other than train are published as they are, unmixed"
    assert of_mix(mix_parts="train") == of_mix() + words
    assert of_mix(mix_parts="train", p_replace=1).endswith(words)


def test_hold_is_told_what_stays_and_that_nothing_is_secret():
    said = verdict("hold", {"window": 8, "degree": 0.0, "layer": ""}, PAPER, 100)
    assert said.startswith(
        "One sample of every window of 8 samples of the image is released as it is"
    )
    assert "no secret" in said
    found = verdict("hold", {"window": 1, "degree": 2.0, "layer": "features.3"}, PAPER, 100)
    assert found.startswith("One sample of every window of the feature map is released")


def test_a_window_of_hold_is_no_longer_than_the_stream():
    given = {"window": 100_000, "degree": 0.0, "layer": "", "map_shape": ()}
    assert "every window of 100000 samples" in verdict("hold", given, PAPER, 100)
    small = Geometry(3, 32, 32, 8)
    assert "every window of 3072 samples of the image" in verdict("hold", given, small, 100)
    given |= {"layer": "features.3", "map_shape": (8, 4, 4)}
    assert "every window of 128 samples of the feature map" in verdict("hold", given, small, 100)


def test_mix_has_no_count_of_known_images():
    assert known_images_sentence({"Lb": 24, "Wb": 24}, PAPER, 100) == ""


def test_a_sanitizer_of_which_nothing_is_known_gets_no_sentence():
    assert verdict("none", {}, PAPER, 100) == ""


def test_a_sentence_has_no_full_stop_of_its_own():
    assert not of_mix().endswith(".")
    assert not of_mix(mix_parts="train").endswith(".")


def test_parameters_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="Nt"):
        of_mix(Nt=0)


def test_whatever_has_claims_has_a_verdict():
    assert set(BOUNDS) <= set(VERDICTS)
