"""Which file names are made of dpkit's own words."""

import pytest

from dpkit.pipeline.vocabulary import is_our_own


@pytest.mark.parametrize(
    "name", ["palette", "Mean Image", "background", "float32", "first_layer", "worst-image"]
)
def test_words_of_the_reports_are_our_own(name):
    assert is_our_own(name)


@pytest.mark.parametrize(
    "name",
    ["lovelace", "image lovelace", "20260102", "image 4711", "IMG_0001", "Änderung", "", "image "],
)
def test_names_and_numbers_are_not(name):
    assert not is_our_own(name)
