import numpy as np
import pytest

from dpkit.audit.round_trips import RoundTrips, sample_rows
from dpkit.sanitizers import SANITIZERS
from dpkit.types import Geometry, ImageBatch, Secret

SECRET = Secret(b"s" * 32)
GEOMETRY = Geometry(3, 8, 8, 8)


def test_a_sample_holds_each_row_at_most_once():
    drawn = sample_rows(1000, 256, SECRET)
    assert len(set(drawn.tolist())) == 256
    assert set(drawn.tolist()) <= set(range(1000))


def test_a_sample_of_more_than_there_are_is_all():
    assert sorted(sample_rows(7, 256, SECRET)) == list(range(7))


def test_another_secret_draws_another_sample():
    assert set(sample_rows(1000, 20, SECRET)) != set(sample_rows(1000, 20, Secret(b"t" * 32)))


@pytest.fixture
def released():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
    names = np.array([b"A" * 26] * 6)
    sanitizer = SANITIZERS["morph"](kappa=4, core="orthogonal")
    key = sanitizer.fit(GEOMETRY, SECRET)
    values = sanitizer.apply(ImageBatch(pixels, np.arange(6), names, names), key, GEOMETRY).values
    return sanitizer, key, pixels, values


def test_an_exact_way_back_has_no_error(released):
    sanitizer, key, pixels, values = released
    trips = RoundTrips(sanitizer, key, GEOMETRY)
    trips.add(pixels[:4], values[:4])
    trips.add(pixels[4:], values[4:])
    assert (trips.result().max_error, trips.result().share_exact) == (0, 1)


def test_the_error_is_measured_in_grey_levels_of_the_worst_pixel(released):
    sanitizer, key, pixels, values = released
    changed = pixels.astype(np.int32)
    changed[2, 5, 5, 1] = (changed[2, 5, 5, 1] + 40) % 256
    expected = abs(int(changed[2, 5, 5, 1]) - int(pixels[2, 5, 5, 1]))
    trips = RoundTrips(sanitizer, key, GEOMETRY)
    trips.add(changed.astype(np.uint8), values)
    result = trips.result()
    assert result.max_error == expected
    assert result.mean_error == pytest.approx(expected / pixels.size)
    assert result.share_exact == pytest.approx(5 / 6)
