"""One way to train a small network to its end: no learned attack may fail for want of trying.

1. Some examples, a tenth by `split`, are held out; their loss alone decides.
2. Each learning rate of a short grid is tried for a few rounds, or enough steps; the best run goes
   on.
3. Adam (Kingma and Ba, 2015); a round is at least one pass over the examples.
4. Where the held-out loss stands still, the rate falls to a third; at the third standstill the
   run has converged. The state with the least held-out loss is what counts.
5. It runs on CUDA where torch finds it; the network that comes out is on the processor.
6. Where the time is up before, the run was cut, and says so: its result is a lower bound.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.nets.devices import device_at_hand, device_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

RATES: Final = (3e-3, 1e-3, 3e-4)
TRIAL_ROUNDS: Final = 4  # that each rate gets before the best goes on
TRIAL_STEPS: Final = 160  # after which no further round of a trial is begun
FOR_TRIAL: Final = 0.1  # of the time, for each rate at the most
HELD_OUT: Final = 10  # one in so many
BATCH: Final = 32
STEPS_A_ROUND: Final = 20  # at the least
PATIENCE: Final = 4  # rounds without an improvement until the rate falls
DROPS: Final = 2  # of the rate, to a third each
IMPROVEMENT: Final = 0.998  # a loss below this share of that of the last improvement is one
MOST_STEPS: Final = {True: 20_000, False: 1_500}  # full and quick
AT_ONCE: Final = 64  # examples that are evaluated together


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be learned.

    Parameters
    ----------
    make
        Makes the network, its first weights drawn from torch's own generator.
    inputs, targets
        [n,…] each, n at least 2.
    loss
        Of outputs and targets: a mean over examples.
    learned, held_out
        int64: the examples to train on, two or more, and those that decide; none is in both.
    batch
        Examples of a step, 2 or more.
    """

    make: Callable[[], nn.Module]
    inputs: Tensor
    targets: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    learned: Tensor
    held_out: Tensor
    batch: int = BATCH


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A trained network, in evaluation mode, and how far it came.

    Parameters
    ----------
    loss
        On the examples held out.
    rate, steps
        The learning rate that was best, and the steps of that run.
    converged
        False where time or steps ended first.
    """

    network: nn.Module
    loss: float
    rate: float
    steps: int
    converged: bool

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the network's outputs, without gradients."""
        return evaluated(self.network, inputs)


def split(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return which of so many examples are to be learned from, and a tenth held out."""
    order = torch.randperm(count, generator=_generator(seed))
    held_out = max(1, count // HELD_OUT)
    return order[held_out:], order[:held_out]


def fit(lesson: Lesson, effort: Effort) -> Fit:
    """Train to convergence, or as far as the effort allows.

    Raises
    ------
    OutOfBudgetError
        Not even one round could be ended.
    """
    best = _Run(lesson, RATES[0], effort)
    trial = FOR_TRIAL * effort.left  # known only now: torch's first optimizer takes seconds to load
    best.go(TRIAL_ROUNDS, effort.left - trial, TRIAL_STEPS)
    for rate in RATES[1:]:  # the best and one more: large networks are never all in memory
        best = min(best, _tried(lesson, rate, effort, trial), key=lambda run: run.best)
    best.go(MOST_STEPS[True], 0)
    return best.ended()


def _tried(lesson: Lesson, rate: float, effort: Effort, trial: float) -> _Run:
    """Return a run of one rate after its trial rounds, or after `trial` seconds of them."""
    run = _Run(lesson, rate, effort)
    run.go(TRIAL_ROUNDS, effort.left - trial, TRIAL_STEPS)
    return run


def evaluated(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return outputs for all inputs, a few at a time, without gradients, in evaluation mode.

    Inputs may lie elsewhere than the network; outputs lie where the inputs do.
    """
    network.eval()
    device = device_of(network)
    with torch.no_grad():
        parts = [network(part.to(device)) for part in torch.split(inputs, AT_ONCE)]
        return torch.cat(parts).to(inputs.device)


class _Run:
    """One network under one learning rate."""

    def __init__(self, lesson: Lesson, rate: float, effort: Effort) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(effort.seed)
            self.network = lesson.make().to(device_at_hand())
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it; a tenth to a third faster
        self.lesson, self.rate, self.effort = lesson, rate, effort
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=rate)
        self.generator = _generator(effort.seed)
        self.steps = self.stale = self.drops = 0
        self.best = self.reference = self._held_out_loss()
        self.state = copy.deepcopy(self.network.state_dict())

    def go(self, rounds: int, until: float, steps: int = MOST_STEPS[True]) -> None:
        """Train so many rounds, or until it has converged or only `until` seconds are left.

        No round is begun after `steps`.
        """
        for _ in range(rounds):
            if self.has_converged or self.steps >= min(steps, MOST_STEPS[self.effort.is_full]):
                return
            is_over = self._round(max(0.0, until))
            self._judge()
            if is_over:
                return

    @property
    def has_converged(self) -> bool:
        """Whether the held-out loss stood still at every rate."""
        return self.drops > DROPS

    def ended(self) -> Fit:
        """Return the best state of this run."""
        if not self.steps:
            raise OutOfBudgetError("not one training step was possible in the time")
        self.network.load_state_dict(self.state)
        return Fit(self.network.cpu().eval(), self.best, self.rate, self.steps, self.has_converged)

    def _round(self, until: float) -> bool:
        """Pass over the examples at least once; say whether the time was up before."""
        self.network.train()
        count, size = len(self.lesson.learned), self.lesson.batch
        passes = -(-STEPS_A_ROUND * size // count)
        orders = [torch.randperm(count, generator=self.generator) for _ in range(passes)]
        for batch in torch.split(torch.cat(orders), size):
            if self.effort.left <= until:
                return True
            if len(batch) > 1:  # a batch norm needs two
                self._step(self.lesson.learned[batch])
        return False

    def _step(self, chosen: Tensor) -> None:
        self.optimizer.zero_grad()
        device = device_of(self.network)
        outputs = self.network(self.lesson.inputs[chosen].to(device))
        torch.autograd.backward(self.lesson.loss(outputs, self.lesson.targets[chosen].to(device)))
        self.optimizer.step()
        self.steps += 1

    def _judge(self) -> None:
        """Keep the state if it is the best; else lower the rate when it has been so for long."""
        loss = self._held_out_loss()
        self.stale += 1
        if loss < IMPROVEMENT * self.reference:
            self.stale, self.reference = 0, loss
        if loss < self.best:
            self.best, self.state = loss, copy.deepcopy(self.network.state_dict())
        if self.stale < PATIENCE:
            return
        self.stale, self.drops = 0, self.drops + 1
        for group in self.optimizer.param_groups:
            group["lr"] /= 3

    def _held_out_loss(self) -> float:
        outputs = evaluated(self.network, self.lesson.inputs[self.lesson.held_out])
        return float(self.lesson.loss(outputs, self.lesson.targets[self.lesson.held_out]))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
