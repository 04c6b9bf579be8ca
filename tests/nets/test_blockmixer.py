"""A mixer of blocks gives logits whatever the blocks, and learns where each has a matrix."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from dpkit.nets import BlockMixer
from dpkit.types import block_places


@pytest.mark.parametrize(("blocks", "kappa"), [("raster", 1), ("raster", 6), ("patch", 16)])
def test_blocks_of_either_kind_become_logits(blocks, kappa):
    places = torch.from_numpy(block_places(blocks, kappa, (3, 8, 8)))
    network = BlockMixer(places=places, classes=5, dim=8)
    assert network(torch.randn(2, 3, 8, 8)).shape == (2, 5)


def test_a_value_reaches_the_token_of_its_own_block_alone():
    places = torch.from_numpy(block_places("patch", 4, (1, 4, 4)))
    network = BlockMixer(places=places, classes=2, dim=3)
    values = torch.zeros(1, 1, 4, 4)
    values[0, 0, 3, 0] = 1.0  # in the third block, at its third place
    blocks = values.flatten(1)[:, network.places][0]
    assert blocks.nonzero().tolist() == [[2, 2]]


def test_labels_are_learnt_by_heart_from_blocks_under_a_secret_matrix():
    torch.manual_seed(0)
    places = torch.from_numpy(block_places("raster", 4, (1, 8, 8)))
    rows = np.random.default_rng(0).standard_normal((24, 4, 16))
    key = np.random.default_rng(1).standard_normal((4, 16, 16)) / 4
    values = torch.from_numpy(np.einsum("nkq,kqp->nkp", rows, key).astype(np.float32))
    labels = torch.arange(24) % 3
    network = BlockMixer(places=places, classes=3, dim=16)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        loss = cross_entropy(network(values.reshape(24, 1, 8, 8)), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_impossible_sizes_are_refused():
    places = torch.zeros(1, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="classes 0 is below 1"):
        BlockMixer(places=places, classes=0)
