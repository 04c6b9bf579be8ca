"""Training ends where nothing more is gained, keeps the best, and says when it was cut."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from dpkit.leakage import fitting
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.fitting import Lesson, fit, split


def lesson(noise=0.0):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(80, 4, generator=generator)
    targets = inputs @ torch.tensor([[0.1], [-0.2], [0.05], [0.0]])
    targets = targets + noise * torch.randn(80, 1, generator=generator)
    return Lesson(partial(nn.Linear, 4, 1), inputs, targets, mse_loss, *split(80, 0))


def test_a_linear_task_is_learnt_to_convergence():
    trained = fit(lesson(noise=0.02), Effort())
    assert trained.converged
    assert trained.loss < 0.002
    assert trained.rate in fitting.RATES


def test_the_state_kept_is_the_one_of_the_reported_loss():
    task = lesson(noise=0.02)
    trained = fit(task, Effort())
    found = mse_loss(trained(task.inputs[task.held_out]), task.targets[task.held_out])
    assert float(found) == pytest.approx(trained.loss)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_network_and_leaves_torchs_own_draws_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = (fit(lesson(0.02), Effort(seed=3)) for _ in range(2))
    assert torch.equal(first.network.weight, second.network.weight)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_run_without_enough_steps_says_that_it_was_cut(monkeypatch):
    monkeypatch.setattr(fitting, "MOST_STEPS", {True: 50, False: 50})
    trained = fit(lesson(), Effort())
    assert not trained.converged


def test_no_time_for_one_step_is_said_to_be_no_time():
    with pytest.raises(OutOfBudgetError, match="not one"):
        fit(lesson(), Effort(seconds=-1.0))


def after(monkeypatch, losses):
    """Return a run whose held-out losses were these, the first before any round."""
    coming = iter(losses)
    monkeypatch.setattr(fitting._Run, "_held_out_loss", lambda _: next(coming))
    run = fitting._Run(lesson(), 1e-3, Effort())
    for _ in losses[1:]:
        run._judge()
    return run


def test_a_slow_but_steady_fall_is_no_standstill(monkeypatch):
    run = after(monkeypatch, [0.9985**n for n in range(41)])
    assert run.drops == 0
    assert run.best == pytest.approx(0.9985**40)


def test_a_loss_that_stays_or_hardly_falls_stands_still(monkeypatch):
    for fall in (1.0, 0.9998):
        assert after(monkeypatch, [fall**n for n in range(20)]).has_converged


def test_a_tenth_is_held_out_and_in_no_other_part():
    learned, held_out = split(57, 1)
    assert len(held_out) == 5
    assert sorted([*learned.tolist(), *held_out.tolist()]) == list(range(57))
