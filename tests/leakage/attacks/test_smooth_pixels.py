"""What a pixelated release still shows once its noise is filtered."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import smooth_pixels
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.cells import Cells
from dpkit.leakage.metrics import score
from tests.leakage.attacks.pixelated import pixelated


def ssim(originals, images):
    planes = np.moveaxis(images, -1, 1).astype(np.float32)
    return score(originals, planes, 255, stretch=False)["ssim"].mean()


def enlarged(view):
    cell = view.parameters["cell"]
    return np.moveaxis(view.values.repeat(cell, axis=2).repeat(cell, axis=3), 1, -1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("cell", "neighborhood", "epsilon"), [(4, 16, 2.0), (8, 16, 0.5), (2, 1, 2.0)]
)  # of one channel
def test_filtered_cells_show_more_than_the_release(cell, neighborhood, epsilon, channels):
    originals, view = pixelated(
        cell=cell,
        neighborhood=neighborhood,
        epsilon=epsilon,
        channels=channels,
        per_channel=True,
    )
    found = smooth_pixels.run(view, Effort())
    assert found.images.shape == originals.shape
    assert ssim(originals, found.images) > ssim(originals, enlarged(view)) + 0.12


def test_its_positive_control_falls():
    originals, view = pixelated(**smooth_pixels.ATTACK.weak)
    assert ssim(originals, smooth_pixels.run(view, Effort()).images) > 0.85


def test_noise_alone_is_taken_for_noise():
    _, view = pixelated(epsilon=5.0)
    noise = np.random.default_rng(0).laplace(128, 51, view.values.shape)
    found = smooth_pixels.run(replace(view, values=noise), Effort())
    assert found.figures["kept"] < 0.1
    assert found.images.std() < 0.2 * noise.std()


@pytest.mark.parametrize("cell", [4, 5])
def test_cells_may_be_released_as_pixels(cell):
    originals, small = pixelated(epsilon=2.0, cell=cell, n=10)
    _, large = pixelated(epsilon=2.0, cell=cell, n=10, enlarge=True)
    found = [smooth_pixels.run(view, Effort()).images for view in (small, large)]
    assert found[0].shape == originals.shape
    assert np.array_equal(*found)


@pytest.mark.parametrize(("per_channel", "shares"), [(False, 3), (True, 1)])
def test_the_scales_follow_from_the_public_parameters(per_channel, shares):
    _, view = pixelated(epsilon=2.0, cell=5, neighborhood=8, channels=3, per_channel=per_channel)
    scales = Cells.of(view).scales
    assert scales.shape == (13, 13)
    assert scales[0, 0] == pytest.approx(255 * 8 * shares / (25 * 2.0))
    assert scales[12, 0] == pytest.approx(255 * 8 * shares / (20 * 2.0))
    assert scales[12, 12] == pytest.approx(255 * 8 * shares / (16 * 2.0))


def test_a_release_whose_parameters_do_not_fit_is_refused_in_words():
    _, view = pixelated(epsilon=2.0)
    for wrong, words in (
        ({"cell": 0}, "positive"),
        ({"epsilon": 0.0}, "positive"),
        ({"cell": 8}, "one value a cell"),
    ):
        unfit = replace(view, parameters={**view.parameters, **wrong})
        assert words in smooth_pixels.ATTACK.unfit(unfit)
        with pytest.raises(UsageError, match=words):
            smooth_pixels.run(unfit, Effort())
