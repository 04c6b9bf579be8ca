"""What an encoder releases of an image depends on that image alone."""

import numpy as np
import pytest
import torch
from torch import nn

from dpkit.errors import DpkitError
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


@pytest.mark.parametrize(
    ("pixel", "dtype", "remedy"),
    [(7e4, np.float16, "--dtype float32"), (np.inf, np.float16, "anew"), (np.nan, "f4", "anew")],
)
def test_a_value_beyond_the_type_is_refused_with_what_would_help(pixel, dtype, remedy):
    class Constant(nn.Module):
        def forward(self, images):
            return torch.full_like(images, pixel)

    pixels, out = np.zeros((1, 2, 2, 3), np.uint8), np.empty((1, 3, 2, 2), dtype)
    with pytest.raises(DpkitError, match=remedy):
        encode(Constant(), pixels, 255, out)


def test_the_threads_of_the_caller_are_given_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
