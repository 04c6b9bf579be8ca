"""An orthogonal core only turns the cloud of images: a public cloud of the same kind turns it back.

Printed digits of 8x8, 900 released and 900 public.
"""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import spectrum
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from tests.leakage.attacks.same_kind import correlation, decibels, released


@pytest.fixture
def one_round(monkeypatch):
    """Try no more starts where none fits."""
    monkeypatch.setattr(spectrum, "ROUNDS", (1, 1))


def quick():
    return Effort(is_full=False)


def test_images_come_back_from_a_full_orthogonal_core():
    given = released()
    found = spectrum.run(given.view, quick())
    assert correlation(given.originals, found.images) > 0.98
    assert decibels(given.originals, found.images) > 26
    assert found.figures["sure"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 4, 5])
def test_components_of_nearly_one_size_may_have_changed_their_ranks(seed):
    given = released(seed=seed)
    found = spectrum.run(given.view, quick())
    assert correlation(given.originals, found.images) > 0.98
    assert found.figures["sure"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 9])
def test_a_wrong_maximum_is_said_to_be_unsure(monkeypatch, seed):
    monkeypatch.setattr(spectrum, "RANK_DOUBT", 0.0)
    monkeypatch.setattr(spectrum, "ROUNDS", (1, 1))
    given = released(seed=seed)
    found = spectrum.run(given.view, quick())
    assert correlation(given.originals, found.images) < 0.95
    assert found.figures["sure"] == 0
    assert "not sure" in found.sentence


@pytest.mark.slow
def test_images_come_back_from_a_shared_core_of_small_blocks():
    given = released(kappa=4)
    assert correlation(given.originals, spectrum.run(given.view, quick()).images) > 0.95


@pytest.mark.slow
def test_another_law_leaves_less_to_go_by():
    given = released(law="gaussian")
    found = spectrum.run(given.view, quick())
    assert correlation(given.originals, found.images) < 0.8
    assert "no order" in found.sentence
    assert found.figures["sure"] == 0


@pytest.mark.usefixtures("one_round")
def test_a_fresh_key_per_image_is_not_turned_back():
    given = released(fresh=True)
    found = spectrum.run(given.view, quick())
    assert correlation(given.originals, found.images) < correlation(given.originals, given.guess)
    assert found.figures["sure"] == 0


@pytest.mark.usefixtures("one_round")
def test_only_wanted_rows_are_returned():
    given = released(n=200)
    found = spectrum.run(replace(given.view, wanted=7), quick())
    assert found.images.shape == (7, 8, 8, 1)


def test_it_ends_when_its_time_is_up():
    with pytest.raises(OutOfBudgetError):
        spectrum.run(released(n=200).view, Effort(seconds=-1.0))


def test_what_it_lacks_is_said_in_words():
    view = released(n=200).view
    other = replace(view.public, kind="other")
    few = replace(view.public, pixels=view.public.pixels[:100], labels=None)
    assert spectrum.ATTACK.unfit(view) == ""
    assert "own kind" in spectrum.ATTACK.unfit(replace(view, public=other))
    assert "needs 128" in spectrum.ATTACK.unfit(replace(view, public=few))
    with pytest.raises(UsageError, match="own kind"):
        spectrum.run(replace(view, public=None), quick())


def test_large_cores_are_left_alone(monkeypatch):
    monkeypatch.setattr(spectrum, "LARGEST_CORE", 63)
    assert "up to 63" in spectrum.ATTACK.unfit(released(n=200).view)


@pytest.mark.usefixtures("one_round")
def test_scattered_blocks_are_one_core():
    given = released(kappa=4, cores="distinct", scattered=True, n=200)
    found = spectrum.run(given.view, quick())
    assert found.figures["cores"] == 1
    assert np.isfinite(found.images).all()
