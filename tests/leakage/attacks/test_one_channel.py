"""One feature map and its kernel are a picture; the best conditioned kernel is found unseen."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.attacks.one_channel import expected_error, one_map, smoothest_fit
from dpkit.leakage.scoring import score_images
from tests.leakage.attacks.setting import convolution_matrix, first_conv, handed_over, he, pictures

RNG = np.random.default_rng(17)
LAYERS = {
    "grey": first_conv(he(RNG, 12, 1, 3), 16, padding=1),
    "rgb": first_conv(he(RNG, 32, 3, 3), 12, padding=1),
    "grouped": first_conv(he(RNG, 36, 1, 3), 12, padding=1, groups=3),
}

handed = cache(handed_over)


def ssim(originals, images):
    return score_images(originals, images, 255)[1]


@pytest.mark.parametrize(("name", "least"), [("grey", 0.98), ("rgb", 0.85), ("grouped", 0.6)])
def test_the_best_map_gives_the_picture(name, least):
    given = handed(LAYERS[name])
    found = ATTACKS["one-channel"].run(given.view, Effort())
    assert found.images.shape[3] == 1
    assert found.candidates.shape[:2] == (4, 3)
    assert ssim(given.originals, found.images).mean > least


def test_of_several_blocks_and_with_a_bias_too():
    conv = first_conv(LAYERS["grey"].weight, 16, padding=1, bias=RNG.standard_normal(12))
    given = handed_over(conv, kappa=4, cores="distinct")
    found = ATTACKS["one-channel"].run(given.view, Effort(is_full=False))
    assert found.candidates.shape[1] == 1
    assert ssim(given.originals, found.images).mean > 0.98


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 1, 1), (2, 1, 1), (1, 2, 2)])
def test_the_fit_explains_its_map(stride, padding, dilation):
    weight = np.array([[[[0.0, 0.1, 0.0], [0.1, 1.0, 0.2], [0.0, 0.1, 0.0]]]])
    conv = first_conv(weight, 12, stride=stride, padding=padding, dilation=dilation)
    matrix = convolution_matrix(conv)
    images = pictures(3, 12, 1).reshape(3, -1) / 255
    maps = np.tensordot(images, matrix, axes=1)
    found = smoothest_fit(maps, conv, Effort()).reshape(3, -1)
    assert np.abs(np.tensordot(found, matrix, axes=1) - maps).max() < 0.02


def test_half_of_random_kernels_give_a_clear_picture():
    originals = pictures(2, 16, 1)
    rows, scores = originals.reshape(2, -1) / 255, []
    for number in range(12):
        alone = one_map(LAYERS["grey"], number)
        maps = np.tensordot(rows, convolution_matrix(alone), axes=1)
        seen = np.clip(255 * smoothest_fit(maps, alone, Effort()), 0, 255)
        scores.append(ssim(originals, np.moveaxis(seen, 1, -1)).mean)
    assert np.median(scores) > 0.85


def test_a_kernel_that_blurs_or_takes_differences_is_expected_to_say_less():
    kernels = np.zeros((3, 1, 3, 3))
    kernels[0, 0, 1, 1] = 1
    kernels[1, 0, :, :] = 1 / 9
    kernels[2, 0, 1, :2] = (1, -1)
    conv = first_conv(kernels, 8, padding=1)
    seen, blurred, differences = (expected_error(one_map(conv, i)) for i in range(3))
    assert seen < blurred < differences
    assert expected_error(first_conv(np.zeros((1, 1, 3, 3)), 8, padding=1)) == 1


def test_of_values_under_another_key_it_shows_no_picture():
    given, other = (handed(LAYERS["rgb"], seed=seed) for seed in (0, 1))
    view = replace(given.view, values=other.view.values)
    found = ATTACKS["one-channel"].run(view, Effort(is_full=False))
    assert ssim(given.originals, found.images).mean < 0.3


def test_a_wrong_first_layer_yields_no_images():
    other = first_conv(he(RNG, 32, 3, 3), 12, padding=1)
    view = replace(handed(LAYERS["rgb"]).view, first_conv=other)
    found = ATTACKS["one-channel"].run(view, Effort())
    assert found.images is None
    assert "not recovered" in found.sentence


def test_time_that_is_up_ends_it():
    with pytest.raises(OutOfBudgetError):
        ATTACKS["one-channel"].run(handed(LAYERS["grey"]).view, Effort(seconds=-1.0))


@pytest.mark.parametrize("name", ["one-channel", "decode", "channel-order"])
class TestBothLayersAreNeeded:
    def test_and_their_lack_is_said(self, name):
        view = handed(LAYERS["grey"]).view
        assert not ATTACKS[name].unfit(view)
        assert "first layer" in ATTACKS[name].unfit(replace(view, first_conv=None))
        assert "Aug-Conv" in ATTACKS[name].unfit(replace(view, augconv=None))
        scattered = replace(view, parameters={**view.parameters, "interleave": True})
        assert "interleaved" in ATTACKS[name].unfit(scattered)

    def test_or_it_is_wrong_usage(self, name):
        view = replace(handed(LAYERS["grey"]).view, first_conv=None)
        with pytest.raises(UsageError, match="first layer"):
            ATTACKS[name].run(view, Effort())
