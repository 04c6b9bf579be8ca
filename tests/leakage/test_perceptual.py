"""The perceptual distance orders pictures as people do, and runs no code that it reads."""

import io
import pickle

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageFilter

from dpkit.errors import IntegrityError, UsageError
from dpkit.leakage import perceptual
from dpkit.leakage.perceptual import is_at_hand, perceptual_distance

needs_weights = pytest.mark.skipif(not is_at_hand(), reason="the extra perceptual is missing")


def picture(photo=None):
    return Image.fromarray(skimage.data.chelsea() if photo is None else photo).resize((96, 96))


def tensor(image):
    return torch.from_numpy(np.asarray(image) / np.float32(255)).movedim(-1, 0)[None]


def saved(image, quality):
    file = io.BytesIO()
    image.save(file, "jpeg", quality=quality)
    return Image.open(file)


@needs_weights
def test_pictures_that_look_less_alike_are_farther_apart():
    cat = picture()
    shuffled = np.random.default_rng(0).permutation(np.asarray(cat).reshape(-1, 3))
    others = [
        cat,
        saved(cat, 60),
        saved(cat, 10),
        cat.filter(ImageFilter.GaussianBlur(3)),
        Image.fromarray(shuffled.reshape(96, 96, 3)),
    ]
    apart = perceptual_distance(
        torch.cat([tensor(o) for o in others]), tensor(cat).repeat(5, 1, 1, 1)
    )
    assert apart[0] == 0
    assert (np.diff(apart) > 0).all()


@needs_weights
def test_another_photograph_is_farther_than_a_bad_copy():
    cat, coffee = picture(), picture(skimage.data.coffee())
    copy, other = perceptual_distance(
        torch.cat([tensor(saved(cat, 10)), tensor(coffee)]), tensor(cat).repeat(2, 1, 1, 1)
    )
    assert other > 2 * copy


@needs_weights
def test_the_network_recognises_a_cat():
    """Its last layer, which the distance does not use, names a tabby, tiger or Egyptian cat."""
    weights = perceptual._weights()
    cat = Image.fromarray(skimage.data.chelsea()[:, 60:360]).resize((227, 227))
    maps = perceptual._features(weights, tensor(cat))[-1]
    logits = torch.nn.functional.conv2d(maps, *weights["conv10"]).mean(dim=(2, 3))[0]
    assert int(logits.argmax()) in {281, 282, 285}


@needs_weights
def test_grey_pictures_stand_for_three_equal_channels():
    grey = tensor(picture()).mean(dim=1, keepdim=True)
    colour = grey.expand(-1, 3, -1, -1)
    other = 1 - grey
    assert perceptual_distance(other, grey) == pytest.approx(
        perceptual_distance(other.expand(-1, 3, -1, -1), colour)
    )


@needs_weights
def test_the_smallest_pictures_have_a_distance_and_smaller_ones_are_refused():
    assert perceptual_distance(torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16)) > 0
    with pytest.raises(UsageError, match="needs 16 pixels a side"):
        perceptual_distance(torch.zeros(1, 1, 15, 16), torch.zeros(1, 1, 15, 16))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(perceptual, "find_spec", lambda _name: None)
    assert not is_at_hand()
    with pytest.raises(UsageError, match=r"pip install 'dpkit\[perceptual\]'"):
        perceptual_distance(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16))


def test_other_weights_are_refused_unread():
    with pytest.raises(IntegrityError, match="are not those of version"):
        perceptual._loaded(pickle.dumps({}))


def test_a_pickle_that_names_code_is_refused():
    with pytest.raises(IntegrityError, match="nothing was loaded"):
        perceptual._Arrays(io.BytesIO(pickle.dumps(print))).load()
