"""A network behind Aug-Conv learns as it does behind the layer that Aug-Conv stands for.

The secret order renames the maps and does nothing else: with it undone, both runs follow the same
losses, to within rounding.
"""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dpkit.developer import AugConvLayer, find_first_conv
from dpkit.nets import ResNet, VisionTransformer
from tests.developer.layers import aug_conv, morphed, orthogonal

SIDE, KAPPA, STEPS = 16, 16, 20
CASES = {
    "ResNet, raster": ("raster", lambda: ResNet(layers=(1, 1), width=6, stem="small", classes=4)),
    "ViT, patch": (
        "patch",
        lambda: VisionTransformer(
            image_size=SIDE, patch=4, dim=24, layers=2, heads=2, hidden=32, classes=4
        ),
    ),
}


class Reordered(nn.Module):
    def __init__(self, order):
        super().__init__()
        self.places = torch.from_numpy(np.argsort(order))

    def forward(self, features):
        return features[:, self.places]


def replaced(network, layer):
    other = deepcopy(network)
    name, _ = find_first_conv(other)
    parent, _, own = name.rpartition(".")
    setattr(other.get_submodule(parent), own, layer)
    return other


def losses(network, values):
    learnt = [weights for weights in network.parameters() if weights.requires_grad]
    optimizer = torch.optim.SGD(learnt, 0.05, momentum=0.9, weight_decay=5e-4)
    labels, found = torch.arange(len(values)) % 4, []
    for step in range(STEPS):
        rows = torch.arange(16) + 16 * (step % 2)
        loss = cross_entropy(network(values[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


@pytest.mark.parametrize("name", CASES)
def test_with_the_order_undone_the_losses_are_the_same(name):
    blocks, make = CASES[name]
    rng = np.random.default_rng(11)
    torch.manual_seed(12)
    network = make()
    _, conv = find_first_conv(network)
    conv.requires_grad_(False)
    images = rng.standard_normal((32, 3, SIDE, SIDE))
    cores, order = orthogonal(rng, 1, 3 * SIDE**2 // KAPPA), rng.permutation(conv.out_channels)
    layer = aug_conv(deepcopy(conv), cores, blocks, (3, SIDE, SIDE), order=order)
    values = torch.from_numpy(morphed(images, cores, blocks)).double()

    fixed = AugConvLayer(layer)
    expected = losses(deepcopy(network).double(), torch.from_numpy(images))
    found = losses(replaced(network, nn.Sequential(fixed, Reordered(order))).double(), values)
    shuffled = losses(replaced(network, fixed).double(), values)
    assert expected[0] - expected.min() > 0.1  # it does learn
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.abs(shuffled / expected - 1).max() > 1e-2  # another network of the same kind
