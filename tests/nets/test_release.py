"""A network learns from a published release of mixed images, and is right on images as they are."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from dpkit.developer import ReleaseDataset
from dpkit.nets import ResNet
from tests.conftest import PHOTOGRAPHS, crop

CROPS = 8  # of each photograph in `images`


def unmixed(class_to_idx):
    """Return the originals, [n,3,16,16] from 0 to 255, and their classes."""
    pixels = np.stack([crop(name, i) for name in PHOTOGRAPHS for i in range(CROPS)])
    labels = torch.tensor([class_to_idx[name] for name in PHOTOGRAPHS for _ in range(CROPS)])
    return torch.from_numpy(pixels).movedim(-1, 1).float(), labels


@pytest.mark.slow
def test_a_network_that_learns_from_mixed_images_knows_unmixed_ones(invoke, images, tmp_path):
    done = invoke("mix", images, "--Lb", 4, "--Wb", 4, "--Ns", 5)
    assert done.code == 0, done.err
    release = ReleaseDataset(tmp_path / "release")
    network = ResNet(layers=(1, 1), width=8, stem="small", classes=len(release.classes))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    shuffled = torch.Generator().manual_seed(0)
    for _ in range(15):
        for values, labels in DataLoader(release, 8, shuffle=True, generator=shuffled):
            optimizer.zero_grad()
            cross_entropy(network(values / 255 - 0.5), labels).backward()
            optimizer.step()
    pixels, expected = unmixed(release.class_to_idx)
    with torch.no_grad():
        found = network.eval()(pixels / 255 - 0.5).argmax(1)
    assert (found == expected).float().mean() > 0.7  # a guess: 0.33; seen: 0.87 to 1
