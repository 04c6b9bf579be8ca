"""Crops of photographs that everybody has."""

import numpy as np
import pytest

from dpkit.audit.photographs import PRIVATE, PUBLIC, crops
from dpkit.types import Geometry


def cut(geometry, names=PUBLIC, count=12, seed=0):
    return crops(names, count, geometry, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "geometry", [Geometry(3, 32, 32, 8), Geometry(1, 20, 40, 8), Geometry(3, 16, 12, 16)], ids=str
)
def test_have_the_releases_geometry(geometry):
    pixels, which = cut(geometry)
    assert pixels.shape == (12, geometry.height, geometry.width, geometry.channels)
    assert pixels.dtype == geometry.pixel_dtype
    assert pixels.max() > geometry.peak / 2
    assert set(which) == set(range(len(PUBLIC)))


def test_of_one_seed_are_the_same():
    assert np.array_equal(cut(Geometry(3, 8, 8, 8))[0], cut(Geometry(3, 8, 8, 8))[0])


def test_that_are_private_are_none_of_the_public_ones():
    assert not set(PRIVATE) & set(PUBLIC)
