"""The map that learned attacks are tried on: of any release's shape and type, and reversible."""

import numpy as np
import pytest
import torch

from dpkit.audit.known_map import KnownMap
from dpkit.audit.photographs import PRIVATE, crops
from dpkit.types import Geometry

RNG = np.random.default_rng(0)


def pictures(geometry, count=6):
    return crops(PRIVATE, count, geometry, np.random.default_rng(1))[0]


@pytest.mark.parametrize(
    ("geometry", "shape"),
    [
        (Geometry(3, 16, 16, 8), (12, 8, 8)),
        (Geometry(3, 32, 32, 8), (128, 8, 8)),
        (Geometry(1, 28, 28, 8), (512, 1, 1)),
        (Geometry(3, 20, 30, 16), (7, 9, 6)),
        (Geometry(3, 16, 16, 8), (3, 16, 16)),
        (Geometry(1, 8, 8, 8), (4, 11, 11)),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
def test_has_the_shape_and_the_type_of_a_release(geometry, shape, dtype):
    values = KnownMap.of(geometry, shape).values(pictures(geometry), geometry.peak, np.dtype(dtype))
    assert values.shape == (6, *shape)
    assert values.dtype == dtype
    assert np.isfinite(values).all()
    assert values.std(axis=0).mean() > 0


def test_keeps_everything_where_it_has_as_many_values():
    geometry = Geometry(3, 8, 8, 8)
    known = KnownMap.of(geometry, (12, 4, 4))
    image = torch.from_numpy(RNG.random((5, 3, 8, 8)).astype(np.float32))
    assert known(image).flatten(1).norm(dim=1) == pytest.approx(image.flatten(1).norm(dim=1))


def test_keeps_the_means_of_cells_where_it_has_few():
    geometry = Geometry(3, 8, 8, 8)
    known = KnownMap.of(geometry, (3, 2, 2))
    image = torch.from_numpy(RNG.random((1, 3, 8, 8)).astype(np.float32))
    means = torch.nn.functional.avg_pool2d(image, 4)
    mixed = torch.einsum("bk,nkyx->nbyx", known.mixing, 4 * means)
    assert known(image).numpy() == pytest.approx(mixed.numpy(), abs=1e-5)


def test_is_the_same_each_time():
    one, other = (KnownMap.of(Geometry(3, 16, 16, 8), (12, 8, 8)) for _ in range(2))
    assert torch.equal(one.mixing, other.mixing)


def test_can_be_followed_by_its_gradient():
    image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    KnownMap.of(Geometry(3, 16, 16, 8), (12, 8, 8))(image).sum().backward()
    assert image.grad.abs().sum() > 0
