"""Training repeats, stops early, keeps the best, and goes on after a kill to the same end."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dpkit.training.draws import torch_draws
from dpkit.training.loop import Pace, Schedule, train
from dpkit.training.pictures import Pictures, split
from dpkit.training.state import arrays_of
from dpkit.types import Geometry
from dpkit.types.supply import Supply
from dpkit.types.voice import Voice
from tests.supplies import KeptCheckpoints, striped

GEOMETRY = Geometry(1, 8, 8, 8)
SCHEDULE = Schedule(epochs=4, seed=7, batch=8, checkpoint_seconds=0)


class Classifier:
    """A small network with everything that has state: a batch norm, dropout, Adam."""

    said = ("loss",)
    judged = ("accuracy", "decided loss")

    def __init__(self, scores=None):
        with torch_draws(1, "weights"):
            self.network = nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2),
                nn.Flatten(), nn.Linear(4 * 36, 2),
            )  # fmt: skip
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-2)
        self.scores = scores

    def networks(self):
        return {"classifier": self.network}

    def optimizers(self):
        return {"adam": self.optimizer}

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = cross_entropy(self.network(batch.images), batch.labels)
        loss.backward()
        self.optimizer.step()
        return (loss.detach(),)

    def judge(self, batch):
        logits = self.network(batch.images)
        right = (logits.argmax(dim=1) == batch.labels).float().mean()
        return right, cross_entropy(logits, batch.labels)

    def score(self, epoch, judged):
        return judged[1] if self.scores is None else self.scores[epoch]


def trained(supply, schedule=SCHEDULE, learner=None):
    learner = learner or Classifier()
    pictures = Pictures(supply.images, GEOMETRY.peak, torch.device("cpu"))
    result = train(learner, pictures, split(supply.images, schedule.seed), schedule, supply)
    return result, arrays_of(learner.network, "classifier")


def same(one, two):
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


def stopping_at(step):
    """A voice whose safe point stops the job before that step."""
    passed = iter(range(10_000))

    def safe_point():
        if next(passed) == step:
            raise KeyboardInterrupt

    return Voice(safe_point=safe_point)


def test_the_same_seed_trains_the_same_weights_and_another_seed_others():
    supply = Supply(images=striped(GEOMETRY))
    (_, one), (_, two) = (trained(supply) for _ in range(2))
    _, other = trained(supply, replace(SCHEDULE, seed=8))
    assert same(one, two)
    assert not same(one, other)


def test_torchs_own_draws_are_left_alone():
    before = torch.random.get_rng_state()
    trained(Supply(images=striped(GEOMETRY)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("step", [1, 3, 5, 11])
def test_a_training_that_is_stopped_and_goes_on_ends_with_the_same_weights(step):
    images, kept = striped(GEOMETRY), KeptCheckpoints()
    whole, expected = trained(Supply(images=images))
    with pytest.raises(KeyboardInterrupt):
        trained(Supply(images=images, checkpoints=kept, voice=stopping_at(step)))
    result, found = trained(Supply(images=images, checkpoints=kept))
    assert same(found, expected)
    assert np.array_equal(result.curve, whole.curve)
    assert result.best_epoch == whole.best_epoch


def test_a_stop_that_the_progress_line_hears_is_kept_too():
    kept, images = KeptCheckpoints(), striped(GEOMETRY)

    def progress(_stage, done, _total):
        if done == 5:
            raise KeyboardInterrupt

    schedule = replace(SCHEDULE, checkpoint_seconds=1e9)
    with pytest.raises(KeyboardInterrupt):
        trained(Supply(images=images, checkpoints=kept, voice=Voice(progress=progress)), schedule)
    assert kept.last[0] == {"epoch": 1, "step": 2, "stale": 0, "best_epoch": 0}


def test_a_kill_between_checkpoints_loses_only_what_came_after_the_last_one():
    images, kept = striped(GEOMETRY), KeptCheckpoints()
    _, expected = trained(Supply(images=images))

    class Killed(Exception):  # noqa: N818 (no error: an end without a word)
        pass

    def progress(_stage, done, _total):
        if done == 6:
            raise Killed

    with pytest.raises(Killed):
        trained(Supply(images=images, checkpoints=kept, voice=Voice(progress=progress)))
    assert kept.saves
    _, found = trained(Supply(images=images, checkpoints=kept))
    assert same(found, expected)


def test_a_training_that_had_ended_is_not_trained_again():
    images, kept = striped(GEOMETRY), KeptCheckpoints()
    whole, expected = trained(Supply(images=images, checkpoints=kept))
    images.asked.clear()
    result, found = trained(Supply(images=images, checkpoints=kept))
    assert not images.asked
    assert same(found, expected)
    assert np.array_equal(result.curve, whole.curve)


def test_the_curve_has_a_line_for_each_epoch_and_the_loss_falls():
    schedule = replace(SCHEDULE, epochs=12, augment=False)
    result, _ = trained(Supply(images=striped(GEOMETRY, 64)), schedule)
    assert result.columns == ("loss", "accuracy", "decided loss")
    assert result.curve.shape == (12, 3)
    assert result.curve[-1, 0] < 0.5 * result.curve[0, 0]


def test_the_best_epoch_counts_and_patience_ends_the_rest():
    learner = Classifier(scores=[float("inf"), 3.0, 1.0, 2.0, 2.0, 0.0])
    schedule = replace(SCHEDULE, epochs=6, patience=2)
    result, found = trained(Supply(images=striped(GEOMETRY)), schedule, learner)
    assert (result.epochs, result.best_epoch) == (5, 2)
    kept = KeptCheckpoints()
    voice = stopping_at(3 * 3)  # three steps an epoch: the third has ended
    supply = Supply(images=striped(GEOMETRY), checkpoints=kept, voice=voice)
    with pytest.raises(KeyboardInterrupt):
        trained(supply, schedule, Classifier(scores=learner.scores))
    after_third = {n.removeprefix("now/"): a for n, a in kept.last[1].items() if n[:4] == "now/"}
    assert same(found, after_third)


def test_an_epoch_that_cannot_count_spends_no_patience():
    learner = Classifier(scores=[float("inf")] * 4)
    result, _ = trained(Supply(images=striped(GEOMETRY)), replace(SCHEDULE, patience=1), learner)
    assert (result.epochs, result.best_epoch) == (4, -1)


def test_a_long_training_says_once_how_long_it_may_take():
    pace = Pace()
    assert pace.said(100, 1100, 0.0) == ""
    assert pace.said(101, 1100, 4.0) == ""
    assert "a step takes 5.0 s" in (said := pace.said(103, 1100, 15.0))
    assert "1 h 23 min" in said
    assert pace.said(104, 1100, 19.0) == ""


def test_a_short_training_says_nothing_of_its_length():
    pace = Pace()
    pace.said(0, 60, 0.0)
    assert pace.said(10, 60, 20.0) == ""


def test_progress_counts_steps_and_names_its_stage():
    seen = []
    voice = Voice(progress=lambda *words: seen.append(words))
    trained(Supply(images=striped(GEOMETRY), voice=voice), replace(SCHEDULE, epochs=2))
    assert seen == [("training: steps", done, 6) for done in range(6)]
