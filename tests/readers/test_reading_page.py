"""docs/reading.md says what the code does: its words and limits are the code's."""

from pathlib import Path
from typing import get_args

import pytest

from dpkit.readers import files, formats, labels, listing, resize, rule

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text()


@pytest.mark.parametrize(
    "word",
    [
        *get_args(resize.Fit),
        *get_args(rule.ColourRule),
        *get_args(rule.DepthRule),
        *listing.PART_NAMES,
    ],
)
def test_every_word_of_the_rules_is_explained(word):
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("number", [formats.MAX_PIXELS, labels.MAX_ROWS])
def test_every_large_limit_is_stated(number):
    assert f"{number:,}".replace(",", " ") in PAGE


def test_every_small_limit_is_stated():
    assert f"{labels.MAX_COLUMNS} columns" in PAGE
    assert f"a side above {formats.MAX_SIDE}" in PAGE
    assert files.MAX_FILE_BYTES == 2**30
    assert "above 1 GiB" in PAGE


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "BMP", "WebP", "GIF"])
def test_every_format_is_named(name):
    assert name in PAGE
