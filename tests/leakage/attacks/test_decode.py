"""With the order the images follow, whatever the layer; without it none are claimed."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.attacks import ATTACKS, decode
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.convolution import kernel_matrix
from dpkit.leakage.attacks.features import features
from dpkit.leakage.attacks.key import key_equations
from tests.leakage.attacks.setting import first_conv, handed_over, he, smooth

RNG = np.random.default_rng(5)
LAYERS = {
    "grey": first_conv(he(RNG, 16, 1, 3), 8, padding=1),
    "rgb": first_conv(he(RNG, 40, 3, 3), 12, padding=1),
    "trained": first_conv(smooth(RNG, 32, 3, 3), 12, padding=1),
    "few maps": first_conv(he(RNG, 10, 3, 3), 12, padding=1),
    "stem": first_conv(he(RNG, 64, 3, 7), 16, padding=3, stride=2),
    "patches": first_conv(he(RNG, 60, 3, 4), 16, stride=4),
}


def decibels(originals, images):
    return 10 * np.log10(255**2 / ((images - originals) ** 2).mean(axis=(1, 2, 3)))


@pytest.mark.parametrize("kappa", [1, 4])
@pytest.mark.parametrize("name", LAYERS)
def test_every_image_comes_back_from_float32(name, kappa):
    given_away = handed_over(LAYERS[name], kappa=kappa)
    found = ATTACKS["decode"].run(given_away.view, Effort())
    assert decibels(given_away.originals, found.images).min() > 80
    assert "(key)" in found.sentence


@pytest.mark.parametrize("name", ["grey", "rgb", "patches"])
def test_every_image_comes_back_from_float16_of_an_orthogonal_core(name):
    given_away = handed_over(LAYERS[name], law="orthogonal", dtype=np.float16)
    found = ATTACKS["decode"].run(given_away.view, Effort())
    assert decibels(given_away.originals, found.images).min() > 50


@pytest.mark.parametrize("cores", ["shared", "distinct"])
@pytest.mark.parametrize(("blocks", "kappa"), [("raster", 3), ("patch", 16)])
def test_the_key_is_the_cores_inverse(blocks, kappa, cores):
    conv = LAYERS["rgb"]
    given_away = handed_over(conv, kappa=kappa, blocks=blocks, cores=cores, n=1)
    among = range(kappa) if cores == "shared" else [kappa - 1]
    equations = key_equations(given_away.view.augconv, conv, given_away.order, among)
    inverse = given_away.inverses[-1]
    found = equations.opened(np.eye(len(inverse)))
    assert np.linalg.norm(found - inverse) < 1e-5 * np.linalg.norm(inverse)


@pytest.mark.parametrize("name", ["grey", "rgb", "patches"])
def test_one_output_alone_gives_the_pixels_that_it_reads(name):
    given_away = handed_over(LAYERS[name], kappa=4)
    kernels = kernel_matrix(LAYERS[name])[:, given_away.order]
    assert decode.has_full_row_rank(kernels)
    unrolled = decode.by_output(features(given_away.view), LAYERS[name], kernels)
    images = decode.pixels(given_away.view, unrolled)
    assert decibels(given_away.originals, images).min() > 70


@pytest.mark.parametrize("name", ["few maps", "stem"])
def test_all_outputs_together_give_what_one_cannot(name, monkeypatch):
    monkeypatch.setattr(decode, "LARGEST_CORE", 8)  # as if blocks were too large for a key
    given_away = handed_over(LAYERS[name], kappa=4)
    way, images = decode.decoded(given_away.view, given_away.order)
    assert way == "deconvolve"
    assert decibels(given_away.originals, images).min() > 70


def test_a_layer_with_fewer_outputs_than_pixels_gives_the_smoothest_images():
    conv = first_conv(he(RNG, 24, 3, 4), 32, stride=4, bias=RNG.standard_normal(24))
    given_away = handed_over(conv, kappa=64, blocks="patch")
    way, images = decode.decoded(given_away.view, given_away.order)
    assert way == "deconvolve"
    assert decibels(given_away.originals, images).mean() > 24


def test_normalisation_is_undone():
    given_away = handed_over(LAYERS["rgb"])
    view = replace(given_away.view, affine=np.array([[1 / 51] * 3, [-1.0, 0.0, 1.0]]))
    unrolled = np.full((len(view.values), view.geometry.elements), 2.0)
    grey = decode.pixels(view, unrolled)[0, 0, 0]
    assert np.allclose(grey, [153, 102, 51])


def test_the_wrong_order_gives_nothing():
    given_away = handed_over(LAYERS["rgb"])
    _, images = decode.decoded(given_away.view, np.roll(given_away.order, 1))
    assert decibels(given_away.originals, images).max() < 15


def test_a_wrong_first_layer_yields_no_images():
    given_away = handed_over(LAYERS["rgb"])
    other = first_conv(he(np.random.default_rng(99), 40, 3, 3), 12, padding=1)
    found = ATTACKS["decode"].run(replace(given_away.view, first_conv=other), Effort())
    assert found.images is None
    assert "not recovered" in found.sentence
