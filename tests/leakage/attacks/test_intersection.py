"""Without kernels the pictures follow; without overlapping windows nothing is claimed."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS, intersection
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.attacks.overlap import common, pairs_of, step_of
from dpkit.leakage.scoring import score_images
from tests.leakage.attacks.setting import first_conv, handed_over, he

RNG = np.random.default_rng(21)
GREY = first_conv(he(RNG, 16, 1, 3), 16, padding=1)
RGB = first_conv(he(RNG, 32, 3, 3), 12, padding=1)


handed = cache(handed_over)


def secret(conv, mixing="one", **how):
    """Return what is handed over, its kernels withheld and its channels mixed."""
    given = SimpleNamespace(**vars(handed(conv, **how)))
    maps, *size = conv.output_shape
    rng = np.random.default_rng(3)
    count = tuple(size) if mixing == "each" else (1, 1)
    matrices = rng.standard_normal((*count, maps, maps)) / np.sqrt(maps)
    every = np.broadcast_to(matrices, (*size, maps, maps))
    layer, mixed = given.view.augconv, []
    for matrix, (top, left) in zip(layer.matrices, layer.windows, strict=False):
        high, wide = matrix.shape[2:]
        part = every[top : top + high, left : left + wide]
        product = np.einsum("qbyx,yxbc->qcyx", matrix, part, optimize=True)
        mixed.append(product.astype(matrix.dtype))
    given.view = replace(given.view, augconv=replace(layer, matrices=tuple(mixed)), first_conv=None)
    return given


def ssim(given, found):
    return score_images(given.originals, found.images, 255)[1]


@pytest.mark.parametrize(("kappa", "blocks"), [(1, "raster"), (4, "raster"), (16, "patch")])
def test_grey_pictures_come_back_whatever_the_blocks(kappa, blocks):
    given = secret(RGB, kappa=kappa, blocks=blocks)
    found = ATTACKS["intersection"].run(given.view, Effort())
    assert found.images.shape == (4, 12, 12, 1)
    assert ssim(given, found).mean > 0.94
    assert found.figures["side"] == 3


@pytest.mark.parametrize(("kappa", "blocks"), [(4, "raster"), (16, "patch")])
def test_of_distinct_cores_only_one_mix_of_colours_is_unknown(kappa, blocks):
    given = secret(RGB, kappa=kappa, blocks=blocks, cores="distinct")
    found = ATTACKS["intersection"].run(given.view, Effort())
    seen = np.moveaxis(found.candidates, 1, -1).reshape(-1, 3).astype(float)
    truth = given.originals.reshape(-1, 3) / 255
    mix, *_ = np.linalg.lstsq(seen, truth, rcond=None)
    assert -10 * np.log10(((seen @ mix - truth) ** 2).mean()) > 40


def test_of_grey_images_only_one_scale_is_unknown():
    given = secret(GREY)
    found = ATTACKS["intersection"].run(given.view, Effort())
    truth = given.originals.reshape(-1).astype(float)
    view = found.candidates.reshape(-1).astype(float)
    assert abs(np.dot(truth, view)) / np.linalg.norm(truth) / np.linalg.norm(view) > 1 - 1e-8
    assert "one scale" in found.sentence


@pytest.mark.parametrize("law", ["orthogonal", "gaussian"])
def test_survives_storage_as_float16(law):
    given = secret(RGB, kappa=1 if law == "orthogonal" else 16, law=law, dtype=np.float16)
    assert ssim(given, ATTACKS["intersection"].run(given.view, Effort())).mean > 0.94


def test_larger_kernels_are_found_by_trying():
    given = secret(first_conv(he(RNG, 28, 1, 5), 16, padding=2))
    found = ATTACKS["intersection"].run(given.view, Effort())
    assert found.figures["side"] == 5
    assert ssim(given, found).least > 0.94


def test_a_stride_of_two_gives_every_other_pixel():
    given = secret(first_conv(he(RNG, 32, 3, 3), 20, padding=1, stride=2))
    assert ssim(given, ATTACKS["intersection"].run(given.view, Effort())).mean > 0.7


def test_a_mixing_of_each_output_falls_where_there_are_images_to_align_by():
    given = secret(GREY, mixing="each", n=60)
    found = ATTACKS["intersection"].run(replace(given.view, wanted=8), Effort())
    assert found.figures["is_one_mixing"] == 0
    given.originals = given.originals[:8]
    assert ssim(given, found).mean > 0.85


def test_with_few_images_a_mixing_of_each_output_stands():
    given = secret(GREY, mixing="each", n=4)
    found = ATTACKS["intersection"].run(given.view, Effort())
    assert found.images is None


def test_the_known_layer_serves_for_its_size_alone():
    given = secret(RGB)
    other = first_conv(he(RNG, 32, 3, 3), 12, padding=1)
    with_other = ATTACKS["intersection"].run(replace(given.view, first_conv=other), Effort())
    assert np.array_equal(
        with_other.images, ATTACKS["intersection"].run(given.view, Effort()).images
    )


def test_of_random_matrices_nothing_is_claimed():
    given = secret(RGB)
    matrices = tuple(RNG.standard_normal(m.shape).astype("f4") for m in given.view.augconv.matrices)
    view = replace(given.view, augconv=replace(given.view.augconv, matrices=matrices))
    assert ATTACKS["intersection"].run(view, Effort()).images is None


def test_of_values_under_another_key_it_shows_no_picture():
    given, other = secret(RGB), secret(RGB, seed=7)
    found = ATTACKS["intersection"].run(replace(given.view, values=other.view.values), Effort())
    assert ssim(given, found).mean < 0.3


def test_a_wrong_size_of_kernels_shares_no_single_pixel():
    layer = secret(GREY).view.augconv
    assert common(layer, GREY, pairs_of(GREY)).is_found
    for side, padding in ((1, 0), (5, 2)):
        wrong = first_conv(np.zeros((16, 1, side, side)), 16, padding=padding)
        found = common(layer, wrong, pairs_of(wrong)) if step_of(wrong) else None
        assert found is None or not found.is_found


def test_time_that_is_up_ends_it():
    with pytest.raises(OutOfBudgetError):
        ATTACKS["intersection"].run(secret(GREY).view, Effort(seconds=-1.0))


def test_a_missing_layer_is_wrong_usage():
    with pytest.raises(UsageError, match="Aug-Conv"):
        ATTACKS["intersection"].run(replace(secret(GREY).view, augconv=None), Effort())


class TestUnfit:
    def said(self, conv, **changes):
        return ATTACKS["intersection"].unfit(replace(handed(conv).view, **changes))

    def test_says_nothing_where_it_can_be_tried(self):
        assert not self.said(RGB)
        assert not self.said(RGB, first_conv=None)

    def test_without_the_layer(self):
        assert "no Aug-Conv" in self.said(RGB, augconv=None)

    def test_of_interleaved_pixels(self):
        scattered = {"interleave": True, **handed(RGB).view.parameters}
        assert "interleaved" in self.said(RGB, parameters=scattered)

    def test_of_windows_that_do_not_overlap(self):
        assert "overlap" in self.said(first_conv(he(RNG, 40, 3, 4), 16, stride=4))

    def test_of_few_channels(self):
        assert "fewer" in self.said(first_conv(he(RNG, 20, 3, 3), 16, padding=1), first_conv=None)

    def test_of_images_too_small(self):
        assert "small" in self.said(first_conv(he(RNG, 16, 1, 3), 4, padding=1))

    def test_of_shapes_that_no_convolution_has(self):
        patches = first_conv(he(RNG, 40, 3, 4), 16, stride=4)
        assert "no convolution" in self.said(patches, first_conv=None)


@pytest.mark.parametrize(("scale", "bias"), [(1 / 255, 0.0), (1 / 60, -2.0)])
@pytest.mark.parametrize("gain", [3.0, -0.2])
def test_the_public_normalisation_gives_sign_and_scale(scale, bias, gain):
    view = replace(secret(GREY).view, affine=np.array([[scale], [bias]]))
    levels = np.linspace(0, 255, 5000).reshape(1, 50, 100)
    found = intersection.grey_levels(gain * (levels * scale + bias), view)
    assert np.abs(found - levels).max() < 1
