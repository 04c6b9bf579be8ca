"""What an encoder releases of an image depends on that image alone."""

import numpy as np
import pytest
import torch
from torch import nn

from dpkit.training.encoding import encode, one_thread


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()


def encoded(network, pixels, dtype=np.float32):
    out = np.empty((len(pixels), 16, 8, 8), dtype)
    encode(network, pixels, 255, out)
    return out


def test_an_image_is_encoded_to_the_same_bytes_in_any_batch(network):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    whole = encoded(network, pixels)
    parts = np.concatenate([encoded(network, part) for part in (pixels[:2], pixels[2:])])
    assert np.array_equal(whole, parts)


def test_values_are_the_networks_and_rounded_to_the_type_asked_for(network):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = network(torch.from_numpy(np.moveaxis(pixels, -1, 1) / np.float32(255)))
    assert np.allclose(encoded(network, pixels), expected.numpy(), atol=1e-5)
    assert np.allclose(encoded(network, pixels, np.float16), expected.numpy(), atol=1e-3)


def test_the_threads_of_the_caller_are_given_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
