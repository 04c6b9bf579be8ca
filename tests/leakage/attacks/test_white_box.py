"""Who knows the network searches the pictures themselves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS, white_box
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.inversion import Found, roughness
from tests.leakage.attacks.maps import decibels, handed, mean_guess, stage

ATTACK = ATTACKS["white-box"]


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(white_box, "STEPS", {True: 80, False: 50})
    monkeypatch.setattr(white_box, "STARTS", {True: 2, False: 1})


def test_pictures_come_back_far_better_than_by_a_guess():
    given_away = handed(stage())
    view = replace(given_away.view, encoder=stage())
    found = ATTACK.run(view, Effort())
    assert decibels(given_away.originals, found.images) > mean_guess(given_away) + 8
    assert found.figures["misfit"] < 0.02
    assert found.figures["starts"] == 2


def test_no_picture_of_its_own_is_needed():
    given_away = handed(stage())
    view = replace(given_away.view, encoder=stage(), public=None)
    found = ATTACK.run(view, Effort(is_full=False))
    assert decibels(given_away.originals, found.images) > mean_guess(given_away) + 4


def test_another_network_gives_no_pictures():
    given_away = handed(stage())
    torch.manual_seed(9)
    other = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)
    )
    found = ATTACK.run(replace(given_away.view, encoder=other), Effort(is_full=False))
    assert decibels(given_away.originals, found.images) < mean_guess(given_away) + 1
    assert found.figures["misfit"] > 0.1


def test_without_the_network_it_is_not_tried():
    view = handed(stage()).view
    assert "not known" in ATTACK.unfit(view)
    with pytest.raises(UsageError, match="not known"):
        ATTACK.run(view, Effort())


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda pictures: pictures[:, :, ::2, ::2], "makes values"),
        (lambda pictures: torch.zeros(len(pictures), 16, 8, 8), "differentiated"),
    ],
)
def test_a_network_that_cannot_be_searched_is_refused(encoder, message):
    view = replace(handed(stage()).view, encoder=encoder, public=None)
    with pytest.raises(UsageError, match=message):
        ATTACK.run(view, Effort())


def test_no_time_is_said_to_be_no_time():
    view = replace(handed(stage()).view, encoder=stage(), public=None)
    with pytest.raises(OutOfBudgetError):
        ATTACK.run(view, Effort(seconds=-1.0))


def searched(misfits, ended):
    """What a start found of two pictures."""
    pictures = torch.zeros(2, 3, 4, 4)
    return Found(pictures, torch.tensor(misfits), torch.full((2,), ended))


class TestTheBestOfSeveralStarts:
    whole = searched([0.5, 0.5], ended=True)

    def test_is_complete_where_each_kept_picture_took_all_its_steps(self):
        assert self.whole.or_better(searched([0.1, 0.9], ended=True)).is_complete
        assert searched([0.9, 0.9], ended=False).or_better(self.whole).is_complete

    def test_is_not_where_one_picture_comes_from_a_start_that_was_cut(self):
        assert not self.whole.or_better(searched([0.1, 0.9], ended=False)).is_complete
        assert not searched([0.1, 0.9], ended=False).or_better(self.whole).is_complete

    def test_loses_nothing_by_a_cut_start_of_which_no_picture_is_kept(self):
        assert self.whole.or_better(searched([0.9, 0.9], ended=False)).is_complete


def test_a_search_that_its_last_start_cut_has_not_converged(monkeypatch):
    given_away = handed(stage())
    starts = iter([searched([0.5, 0.5], ended=True), searched([0.1, 0.9], ended=False)])
    monkeypatch.setattr(white_box._Search, "_all", lambda *_: next(starts))
    view = replace(given_away.view, encoder=stage(), public=None)
    found = ATTACK.run(view, Effort())
    assert found.figures["starts"] == 2
    assert found.figures["converged"] == 0
    assert "cut by the budget" in found.sentence


def test_roughness_is_the_mean_length_of_a_step():
    flat, edge = np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 1, 4, 4), np.float32)
    edge[..., 2:] = 1.0
    found = roughness(torch.from_numpy(np.concatenate([flat, edge])))
    assert found.tolist() == pytest.approx([0.001, 0.25075], abs=1e-4)
