"""Patches under an orthogonal core: an ordinary patch embedding learns from T what it does from D.

With T = D M for each patch, and W′ = M⁻¹ W, T W′ = D W. The gradient for W′ is Mᵀ times that for W,
so SGD keeps the two together where M is orthogonal, momentum and decay included: both are linear.
"""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from dpkit.developer.cutting import cut, join
from dpkit.nets import ConvNeXt, VisionTransformer
from dpkit.sanitizers import Morph
from dpkit.types import Geometry, ImageBatch, Secret

SIDE, PATCH, STEPS = 16, 4, 20
NETWORKS = {
    "ViT": lambda: VisionTransformer(
        image_size=SIDE, patch=PATCH, dim=16, layers=2, heads=2, hidden=32, classes=4
    ),
    "ConvNeXt": lambda: ConvNeXt(layers=(1, 1), widths=(16, 32), patch=PATCH, classes=4),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(5)
    return NETWORKS[request.param]().double()


@pytest.fixture
def pixels():
    return np.random.default_rng(6).integers(0, 256, (48, SIDE, SIDE, 3), np.uint8)


def released(pixels, core):
    """Return D, T = D M in float64, and M [q,q]; what is released equals this T."""
    morph = Morph(kappa=(SIDE // PATCH) ** 2, blocks="patch", core=core, normalize="0.5,0.25")
    geometry = Geometry(channels=3, height=SIDE, width=SIDE, depth=8)
    key = morph.fit(geometry, Secret(bytes(32)))
    names = np.zeros(len(pixels), "S26")
    batch = ImageBatch(pixels, np.zeros(len(pixels), np.int64), names, names)
    plain = torch.from_numpy(morph.plain(pixels, geometry)).double()
    matrix = torch.from_numpy(np.array(key.array("core")))
    values = join(cut(plain, morph.kappa, "patch") @ matrix, plain.shape[1:], "patch")
    found = torch.from_numpy(morph.apply(batch, key, geometry).values).double()
    torch.testing.assert_close(found, values, rtol=1e-5, atol=1e-5)
    return plain, values, matrix


def embedding(network):
    return next(part for part in network.modules() if isinstance(part, torch.nn.Conv2d))


def undoing(network, matrix):
    """Return the network with M⁻¹ W in the place of its first weights W."""
    other = deepcopy(network)
    weight = embedding(other).weight
    flat = weight.data.reshape(len(weight), -1)  # [β,q], as a patch is unrolled
    weight.data = torch.linalg.solve(matrix, flat.T).T.reshape(weight.shape).contiguous()
    return other


def losses(network, values, make_optimizer):
    labels, optimizer = torch.arange(len(values)) % 4, make_optimizer(network.parameters())
    found = []
    for step in range(STEPS):
        rows = torch.arange(16) + 16 * (step % 3)
        loss = cross_entropy(network(values[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


def sgd(weights):
    return torch.optim.SGD(weights, 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)


def adam(weights):
    return torch.optim.Adam(weights, 0.01)


def test_the_first_weights_are_turned_with_the_images(network, pixels):
    plain, values, matrix = released(pixels, "orthogonal")
    with torch.no_grad():
        expected = network(plain)
        assert torch.allclose(undoing(network, matrix)(values), expected, atol=1e-10)
        assert not torch.allclose(network(values), expected, atol=1e-2)


def test_sgd_follows_the_same_losses(network, pixels):
    plain, values, matrix = released(pixels, "orthogonal")
    expected = losses(deepcopy(network), plain, sgd)
    found = losses(undoing(network, matrix), values, sgd)
    assert expected[0] - expected.min() > 0.1  # it does learn
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_adam_does_not(network, pixels):
    plain, values, matrix = released(pixels, "orthogonal")
    expected = losses(deepcopy(network), plain, adam)
    found = losses(undoing(network, matrix), values, adam)
    assert np.abs(found / expected - 1).max() > 1e-3


def test_sgd_does_not_under_a_gaussian_core(network, pixels):
    plain, values, matrix = released(pixels, "gaussian")
    expected = losses(deepcopy(network), plain, sgd)
    found = losses(undoing(network, matrix), values, sgd)
    assert abs(found[0] / expected[0] - 1) < 1e-8
    assert np.abs(found / expected - 1).max() > 1e-3
