"""Labels and labelled pictures of the same kind open any linear core, scattered or not.

Printed digits of 8x8, 900 released and 900 public; the guess is the public mean of the class.
"""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import class_moments
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from tests.leakage.attacks.same_kind import correlation, decibels, released


def quick():
    return Effort(is_full=False)


@pytest.mark.parametrize(
    ("setting", "least_ncc", "least_db"),
    [
        ({"law": "orthogonal"}, 0.9, 17.5),
        ({"law": "gaussian"}, 0.9, 17.5),
        ({"law": "gaussian", "kappa": 4}, 0.98, 28),
        ({"law": "gaussian", "kappa": 4, "cores": "distinct"}, 0.93, 19.5),
        ({"law": "gaussian", "kappa": 4, "cores": "distinct", "scattered": True}, 0.9, 17.5),
    ],
)
def test_images_come_back_whatever_the_core(setting, least_ncc, least_db):
    given = released(**setting)
    found = class_moments.run(given.view, quick())
    assert correlation(given.originals, found.images) > least_ncc
    assert decibels(given.originals, found.images) > least_db
    assert decibels(given.originals, found.images) > decibels(given.originals, given.class_guess)


def test_few_images_give_less_and_still_more_than_the_guess():
    given = released(law="gaussian", n=300)
    found = class_moments.run(given.view, quick())
    assert correlation(given.originals, found.images) > 0.72
    assert correlation(given.originals, given.class_guess) < 0.7


def test_a_fresh_key_per_image_gives_nothing():
    given = released(law="gaussian", fresh=True)
    found = class_moments.run(given.view, quick())
    guess = correlation(given.originals, given.class_guess)
    assert correlation(given.originals, found.images) < guess
    assert found.figures["misfit"] > 0.85


def test_shuffled_labels_give_nothing():
    given = released(law="gaussian")
    labels = np.random.default_rng(0).permutation(given.view.labels)
    found = class_moments.run(replace(given.view, labels=labels), quick())
    guess = correlation(given.originals, given.class_guess)
    assert correlation(given.originals, found.images) < guess


def test_only_wanted_rows_are_returned():
    view = replace(released(n=300).view, wanted=7)
    assert class_moments.run(view, quick()).images.shape == (7, 8, 8, 1)


def test_it_ends_when_its_time_is_up():
    with pytest.raises(OutOfBudgetError):
        class_moments.run(released(n=300).view, Effort(seconds=-1.0))


def test_what_it_lacks_is_said_in_words(monkeypatch):
    view = released(n=300).view
    unfit = class_moments.ATTACK.unfit
    assert unfit(view) == ""
    assert "own kind" in unfit(replace(view, public=None))
    assert "labels" in unfit(replace(view, labels=None))
    assert "3 classes" in unfit(replace(view, labels=view.labels % 2))
    short = replace(view, values=view.values[:200], labels=view.labels[:200])
    assert "needs 256" in unfit(short)
    monkeypatch.setattr(class_moments, "LARGEST_CORE", 63)
    assert "up to 63" in unfit(view)
    with pytest.raises(UsageError, match="labels"):
        class_moments.run(replace(view, labels=None), quick())
