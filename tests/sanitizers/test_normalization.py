from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.sanitizers.normalization import Normalization, parse
from dpkit.types import Geometry

RGB, GREY = Geometry(3, 2, 2, 8), Geometry(1, 2, 2, 8)


def test_none_leaves_the_range_0_to_1():
    scale, bias = parse("none").affine(RGB)
    assert np.allclose(255 * scale + bias, 1.0)
    assert np.allclose(bias, 0.0)


def test_one_pair_serves_every_channel():
    assert np.array_equal(parse("0.5,0.25").affine(RGB)[:, 0], parse("0.5,0.25").affine(RGB)[:, 2])


def test_a_mean_pixel_becomes_zero_and_one_deviation_becomes_one():
    scale, bias = parse("0.2,0.4,0.6,0.1,0.2,0.3").affine(RGB)
    mean, std = np.array([0.2, 0.4, 0.6]), np.array([0.1, 0.2, 0.3])
    assert np.allclose(255 * mean * scale + bias, 0.0)
    assert np.allclose(255 * (mean + std) * scale + bias, 1.0)


def test_sixteen_bits_are_divided_by_their_own_peak():
    scale, _ = parse("none").affine(Geometry(1, 2, 2, 16))
    assert np.allclose(65535 * scale, 1.0)


def test_imagenet_is_the_six_published_numbers():
    assert parse("imagenet") == parse("0.485,0.456,0.406,0.229,0.224,0.225")


def test_imagenet_is_refused_for_grey_images():
    with pytest.raises(UsageError, match="3 channels, images have 1"):
        parse("imagenet").check(GREY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.5", "1 numbers, not 2 or 6"),
        ("0.5,0.2,0.1", "3 numbers, not 2 or 6"),
        ("0.5,zwei", "'zwei' is not a number"),
        ("nan,0.5", "'nan' is not a number"),
        ("0.5,0", "not within 0.001 to 10"),
        ("123.7,58.4", "not within 0 to 1"),
        ("", "not 2 or 6"),
    ],
)
def test_another_text_is_refused_with_the_forms_that_work(text, reason):
    with pytest.raises(UsageError, match=reason) as refused:
        parse(text)
    assert "0.5,0.25" in str(refused.value)


@given(st.text(alphabet="0123456789.,-enaif ", max_size=40))
def test_any_text_is_a_normalization_or_refused(text):
    try:
        parsed = parse(text)
    except UsageError:
        return
    assert parsed == Normalization(parsed.mean, parsed.std)
    assert len(parsed.mean) == len(parsed.std)
