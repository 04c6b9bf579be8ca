"""Distances agree with those that reports use, and can be learned through."""

import numpy as np
import pytest
import skimage.data
import torch
from skimage.metrics import structural_similarity

from dpkit.kernels.ssim import ssim_mse_unstretched
from dpkit.training.distances import DISTANCES, dissimilar, similarity, squared


def pictures(height, width, dtype=torch.float64):
    found = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    crops = np.stack([photo[50 : 50 + height, 80 : 80 + width] for photo in found])
    return torch.from_numpy(crops / 255).movedim(-1, 1).to(dtype)


def disturbed(images, deviation=0.1):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return images + deviation * noise.to(images)


def test_similarity_is_that_of_another_program():
    one = pictures(40, 56)
    two = disturbed(one)
    expected = [
        structural_similarity(
            a.numpy(), b.numpy(), channel_axis=0, data_range=1.0, gaussian_weights=True,
            sigma=1.5, use_sample_covariance=False,
        )
        for a, b in zip(one, two, strict=True)
    ]  # fmt: skip
    assert similarity(two, one).numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(64, 48), (11, 30), (8, 8), (5, 12), (3, 3)])
def test_similarity_is_the_reports_own_whatever_the_size(height, width):
    one = torch.round(255 * pictures(height, width)) / 255
    two = disturbed(one)
    originals = np.rint(255 * one.movedim(1, -1).numpy()).astype(np.uint8)
    expected, error = ssim_mse_unstretched(originals, 255 * two.numpy().astype(np.float32), 255)
    assert similarity(two, one).numpy() == pytest.approx(expected, abs=1e-5)
    assert squared(two, one).numpy() == pytest.approx(error / 255**2, rel=1e-4)


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_is_nothing_for_equal_pictures_and_grows(name):
    images = pictures(16, 16)
    near, far = (DISTANCES[name](disturbed(images, by), images) for by in (0.05, 0.3))
    assert DISTANCES[name](images, images).abs().max() < 1e-12
    assert (near > 0).all()
    assert (near < far).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_has_the_gradient_of_its_differences(name):
    images = pictures(5, 6)[:1, :1]
    found = disturbed(images).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: DISTANCES[name](x, images), found)


def test_unlike_pictures_can_have_a_similarity_below_zero():
    images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert similarity(1 - images, images).max() < -0.5
    assert dissimilar(1 - images, images).min() > 1.5


def test_similarity_of_two_pixels_is_refused():
    with pytest.raises(ValueError, match="a window of 1 pixels is below 3"):
        similarity(torch.zeros(1, 1, 2, 8), torch.zeros(1, 1, 2, 8))
