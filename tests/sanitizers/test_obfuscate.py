"""The learnable obfuscator: its parameters, its key, and what the training makes of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch

from dpkit.errors import UsageError
from dpkit.nets import REMOTES
from dpkit.sanitizers.base import option_name, options_of
from dpkit.sanitizers.obfuscate import Obfuscate
from dpkit.training.state import load_into
from dpkit.types import Geometry, ImageBatch, Secret
from dpkit.types.supply import Supply
from dpkit.types.voice import Voice
from tests.sanitizers.conftest import batch_of
from tests.supplies import KeptCheckpoints, LabelledImages, striped

GEOMETRY = Geometry(3, 16, 16, 8)
SEED = Secret(bytes(32))
TINY = Obfuscate(stacks=2, width=4, epochs=2, warmup=1, T_sub=1, classes=2)


def fitted(sanitizer=TINY, supply=None, seed=SEED):
    supply = supply or Supply(images=striped(GEOMETRY, 32))
    return sanitizer.fit(GEOMETRY, seed, supply)


def classifier(sanitizer, key):
    """Build what a developer gets with the release."""
    rest = sanitizer.remote(key, GEOMETRY)
    network = REMOTES[rest.metadata["network"]](**json.loads(rest.metadata["arguments"]))
    load_into(network, rest.arrays, "")
    return network.eval()


@pytest.fixture(scope="module")
def key():
    return fitted()


def test_maps_have_the_papers_shape_by_default():
    assert Obfuscate().values_shape(Geometry(3, 32, 32, 8)) == (128, 8, 8)


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [
        (48, 64, (128, 6, 8)),
        (64, 64, (128, 8, 8)),
        (100, 75, (128, 12, 9)),
        (224, 200, (128, 14, 12)),
    ],
)
def test_larger_images_have_maps_of_about_eight_a_side_and_fewer_numbers_than_pixels(
    height, width, shape
):
    assert Obfuscate().values_shape(Geometry(3, height, width, 8)) == shape
    assert np.prod(shape) < 3 * height * width


def test_what_goes_by_size_is_in_the_completed_sanitizer():
    images = striped(Geometry(1, 64, 64, 8))
    found = Obfuscate().completed(Geometry(1, 64, 64, 8), Supply(images=images))
    assert (found.stacks, found.width) == (3, 32)


def test_lambda_is_an_option_although_python_keeps_the_word():
    assert "lambda" in [option_name(field) for field in options_of(Obfuscate)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": -1}, "--width -1 is not within 0 to 512"),
        ({"stacks": 5}, "--stacks 5 is not within 0 to 4"),
        ({"lambda_": -0.1}, "--lambda -0.1 is not within 0 to 100"),
        ({"lambda_": float("nan")}, "--lambda nan is not within"),
        ({"reconstructor": "unet"}, "--reconstructor 'unet' is not one of"),
        ({"T_main": 0}, "--T-main 0 is not within 1 to 100"),
        ({"epochs": 5, "warmup": 5}, "--warmup 5 leaves none of --epochs 5"),
    ],
)
def test_impossible_parameters_are_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        Obfuscate(**wrong)


def test_images_too_small_for_a_map_are_refused():
    with pytest.raises(UsageError, match="3 stacks leave no map of 7x9 pixels"):
        Obfuscate(stacks=3).check(Geometry(1, 7, 9, 8))


def test_what_is_no_single_label_is_refused_with_a_remedy():
    images = striped(GEOMETRY)
    images.labels[:] = -1
    for call in (TINY.completed, lambda g, s: TINY.fit(g, SEED, s)):
        with pytest.raises(UsageError, match="each image must have one label") as raised:
            call(GEOMETRY, Supply(images=images))
        assert "--task single" in str(raised.value)


def test_without_images_there_is_nothing_to_learn_from():
    with pytest.raises(UsageError, match="none at hand"):
        TINY.fit(GEOMETRY, SEED)


def test_it_is_completed_by_the_number_of_classes():
    found = replace(TINY, classes=0).completed(GEOMETRY, Supply(images=striped(GEOMETRY)))
    assert found == TINY


def test_the_key_holds_both_networks_and_the_curve(key):
    names = key.names()
    assert "encoder/features.0.weight" in names
    assert "remote/classifier.6.weight" in names
    assert key.array("curve").shape == (2, 6)
    assert np.isfinite(key.array("curve")).all()


def test_the_classifier_answers_for_released_values(key):
    pixels = striped(GEOMETRY).stack
    values = TINY.apply(batch_of(pixels), key, GEOMETRY).values
    assert values.dtype == np.float16
    logits = classifier(TINY, key)(torch.from_numpy(values.astype(np.float32)))
    assert logits.shape == (len(pixels), 2)


def test_the_encoder_can_be_differentiated_and_gives_the_released_values(key):
    pixels = striped(GEOMETRY).stack[:4]
    images = torch.from_numpy(np.moveaxis(pixels, -1, 1).astype(np.float32) / 255)
    images.requires_grad_()
    values = TINY.encoder(key, GEOMETRY)(images)
    released = TINY.apply(batch_of(pixels), key, GEOMETRY).values
    assert np.allclose(values.detach().numpy(), released, atol=2e-3)
    (gradient,) = torch.autograd.grad(values.sum(), images)
    assert gradient.abs().max() > 0


def test_a_fit_that_was_stopped_goes_on_to_the_same_key(key):
    passed = iter(range(1000))

    def safe_point():
        if next(passed) == 1:
            raise KeyboardInterrupt

    images, kept = striped(GEOMETRY, 32), KeptCheckpoints()
    with pytest.raises(KeyboardInterrupt):
        fitted(supply=Supply(images=images, checkpoints=kept, voice=Voice(safe_point=safe_point)))
    again = fitted(supply=Supply(images=images, checkpoints=kept))
    assert all(np.array_equal(again.array(name), key.array(name)) for name in key.names())


def test_the_provider_is_told_how_the_training_ended():
    said = []
    fitted(supply=Supply(images=striped(GEOMETRY, 32), voice=Voice(notice=said.append)))
    (line,) = said
    assert "trained 2 epochs; epoch 2 is kept" in line
    assert "a tenth of the training part" in line


def test_the_test_part_is_never_looked_at():
    images = striped(GEOMETRY, 40, ("train",) * 30 + ("test",) * 10)
    fitted(supply=Supply(images=images))
    assert max(images.asked) < 30


@pytest.mark.slow
def test_a_class_that_can_be_told_is_learnt_with_and_without_an_adversary():
    images = striped(GEOMETRY, 160)
    held_out = striped(GEOMETRY, 60)
    for weight in (0.0, 0.02):
        sanitizer = replace(TINY, width=8, epochs=10, warmup=2, T_main=4, lambda_=weight)
        key = fitted(sanitizer, Supply(images=images))
        ids = np.zeros(60, "S26")
        batch = ImageBatch(held_out.stack, held_out.labels, ids, ids)
        values = sanitizer.apply(batch, key, GEOMETRY).values.astype(np.float32)
        answers = classifier(sanitizer, key)(torch.from_numpy(values)).argmax(dim=1).numpy()
        assert (answers == held_out.labels).mean() > 0.8, weight


@pytest.mark.slow
def test_faces_are_told_from_others_while_the_trainings_own_adversary_loses():
    pictures = np.rint(255 * skimage.data.lfw_subset()).astype(np.uint8)[..., None]
    labels = np.repeat([0, 1], 100)
    parts = tuple(np.where(np.arange(200) % 4, "train", "test"))
    images = LabelledImages(pictures, labels, parts, np.arange(200))
    geometry = Geometry(1, 25, 25, 8)
    tested = np.flatnonzero(np.array(parts) == "test")
    quality = {}
    for weight in (1e-6, 0.1):  # as good as none, and one that counts
        sanitizer = Obfuscate(
            width=8, epochs=16, warmup=4, T_main=4, T_sub=4, lambda_=weight, classes=2
        )
        key = sanitizer.fit(geometry, SEED, Supply(images=images))
        values = sanitizer.apply(batch_of(pictures[tested]), key, geometry).values
        answers = classifier(sanitizer, key)(torch.from_numpy(values.astype(np.float32)))
        assert (answers.argmax(dim=1).numpy() == labels[tested]).mean() > 0.8, weight
        quality[weight] = key.array("curve")[-4:, 1].mean()  # of the adversary, while it learned
    assert quality[0.1] < quality[1e-6] - 0.5  # dB
