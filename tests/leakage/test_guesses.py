"""Guesses without the release."""

import numpy as np

from dpkit.leakage.guesses import guesses
from dpkit.types.adversary import PublicImages

PIXELS = np.stack([np.full((4, 4, 3), level, np.uint8) for level in (10, 20, 100, 120)])
OWN = PublicImages(PIXELS, "same", np.array([0, 0, 1, 1]))


def made(public=OWN, labels=None):
    labels = np.array([1, 0, 2]) if labels is None else labels
    return dict(guesses(public, 3, labels, np.random.default_rng(0)))


def test_are_a_constant_two_means_and_another_image():
    assert list(made()) == ["constant", "public mean", "class mean", "other image"]


def test_of_a_class_is_the_mean_of_its_pictures_or_of_all():
    means = made()["class mean"][:, 0, 0, 0]
    assert means.tolist() == [110.0, 15.0, 62.5]


def test_without_labels_there_is_no_class_mean():
    assert "class mean" not in made(PublicImages(PIXELS, "other"))


def test_the_constant_is_the_mean_level():
    assert (made()["constant"] == 62.5).all()


def test_another_image_is_one_of_the_adversarys():
    assert set(made()["other image"][:, 0, 0, 0]) <= {10.0, 20.0, 100.0, 120.0}
