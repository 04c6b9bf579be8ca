"""Algorithm 1 step by step: who learns what, when, and which epoch counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dpkit.nets.attackers import FromMean
from dpkit.training import obfuscation
from dpkit.training.loop import Batch, Trained
from dpkit.training.obfuscation import Obfuscation, Recipe, _learner, guess_of, psnr
from dpkit.training.pictures import Pictures, split
from dpkit.training.state import arrays_of
from dpkit.types import Geometry
from tests.supplies import striped

GEOMETRY = Geometry(3, 16, 16, 8)
RECIPE = Recipe("vgg16", 2, 4, "simrec", 0.1, 3, 1, 1, 2, augment=False, patience=5)


def learner_and_batch(recipe=RECIPE, epoch=1):
    images = striped(GEOMETRY)
    pictures = Pictures(images, GEOMETRY.peak, torch.device("cpu"))
    rows = split(images, 0)
    learner = _learner(recipe, GEOMETRY, 0, pictures, rows)
    some = rows.learned[:8]
    return learner, Batch(pictures.images(some), pictures.labels(some), epoch, 0)


def moved(learner, batch):
    before = {name: arrays_of(network, "") for name, network in learner.networks().items()}
    learner.step(batch)
    return {
        name
        for name, network in learner.networks().items()
        for parameter, value in arrays_of(network, "").items()
        if "running" not in parameter and "tracked" not in parameter
        if not np.array_equal(value, before[name][parameter])
    }


def test_a_step_moves_all_three_networks():
    assert moved(*learner_and_batch()) == {"encoder", "classifier", "reconstructor"}


def test_without_a_weight_there_is_no_adversary():
    recipe = replace(RECIPE, weight=0.0)
    assert moved(*learner_and_batch(recipe)) == {"encoder", "classifier"}


def test_the_adversary_moves_the_obfuscator_only_after_the_warmup():
    def weights(weight, epoch):
        learner, batch = learner_and_batch(replace(RECIPE, weight=weight), epoch)
        torch.manual_seed(0)  # of dropout
        for _ in range(2):  # at first the reconstructor answers nothing
            learner.step(batch)
        return arrays_of(learner.encoder, "")

    def same(one, two):
        return all(np.array_equal(one[name], two[name]) for name in one)

    assert same(weights(0.1, epoch=0), weights(10.0, epoch=0))
    assert not same(weights(0.1, epoch=1), weights(10.0, epoch=1))


def test_psnr_is_the_mean_over_images():
    images = torch.zeros(2, 1, 2, 2)
    found = torch.stack([torch.full((1, 2, 2), 0.1), torch.full((1, 2, 2), 0.01)])
    assert float(psnr(found, images)) == pytest.approx((20 + 40) / 2, abs=1e-3)


def test_an_untrained_reconstructor_answers_with_the_mean_image():
    learner, batch = learner_and_batch()
    with torch.no_grad():
        found = learner.reconstructor(learner.encoder(batch.images))
    assert torch.allclose(found, found[:1].expand_as(found), atol=1e-6)
    assert isinstance(learner.reconstructor, FromMean)
    assert float(psnr(found, batch.images)) == pytest.approx(learner.guess, abs=1.0)


def test_the_guess_is_of_all_deciding_images(monkeypatch):
    monkeypatch.setattr(obfuscation, "AT_ONCE", 5)
    images = striped(GEOMETRY)
    pictures = Pictures(images, GEOMETRY.peak, torch.device("cpu"))
    rows, mean = np.arange(17), torch.full((3, 16, 16), 0.4)
    shown = pictures.images(rows)
    expected = float(psnr(mean.expand_as(shown), shown))
    assert guess_of(mean, pictures, rows) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("has_adversary", [True, False])
def test_the_adversarys_psnr_is_told_only_where_one_was_trained(has_adversary):
    curve = np.array([[1.0, 12.0, 0.0, 0.5, 1.0, 12.1]], np.float32)
    trained = Trained(("",) * 6, curve, 0)
    made = Obfuscation(None, None, trained, None, "9 images", has_adversary)
    assert ("12.1 dB of its own adversary" in made.sentence()) == has_adversary
    assert made.sentence().endswith(" on 9 images")


def test_an_epoch_of_the_warmup_cannot_count():
    learner, _ = learner_and_batch()
    assert learner.score(0, (1.0, 0.5, 20.0)) == math.inf
    assert learner.score(1, (1.0, 0.5, 20.0)) == pytest.approx(0.5 + 0.1 * 20)


def test_a_reconstructor_below_the_mean_image_makes_an_epoch_no_better():
    learner, _ = learner_and_batch()
    below, far_below = (learner.score(1, (1.0, 0.5, learner.guess - d)) for d in (0.5, 9.0))
    assert below == far_below == pytest.approx(0.5 + 0.1 * learner.guess)
