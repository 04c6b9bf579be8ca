"""The loop: epochs of steps, a score after each, the best kept, and a checkpoint to go on from.

1. The order of the rows, their shifts and torch's own draws follow from seed, epoch and step.
2. Rates fall along a half cosine from their own values to a twentieth over all epochs.
3. After each epoch the deciding rows give a score; the epoch of the least one counts, and after
   `patience` epochs without a better one the training ends.
4. A checkpoint is saved once a minute and when the user stops the run; a run that finds one goes
   on at the very step, and ends as if it had never been stopped (on one machine; another number
   of threads may round otherwise).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import torch

from dpkit.training.augment import augmented
from dpkit.training.draws import generator, torch_draws
from dpkit.training.state import (
    arrays_of,
    load_into,
    load_into_optimizer,
    optimizer_arrays,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from dpkit.training.pictures import Pictures, Split
    from dpkit.types.supply import Supply

    Rows = NDArray[np.int64]

LONG: Final = 300  # seconds of a training that is announced
MEASURED: Final = 10  # seconds of steps, after which its end can be told
COLDEST: Final = 0.05  # of its own value: where a rate ends
AT_ONCE: Final = 256  # deciding images that are judged together


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Images float32 [n,c,h,w] of 0 to 1, classes int64 [n], and when they are seen.

    `epoch` and `step` count from 0; `step` is within the epoch.
    """

    images: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    epoch: int
    step: int

    def __len__(self) -> int:
        return len(self.images)


class Learner(Protocol):
    """What is trained, and by which losses."""

    said: tuple[str, ...]  # names of what `step` returns
    judged: tuple[str, ...]  # names of what `judge` returns

    def networks(self) -> Mapping[str, nn.Module]:
        """Return every network by a name; they are all put into a checkpoint."""

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return every optimizer by a name."""

    def step(self, batch: Batch) -> tuple[Tensor, ...]:
        """Learn from a batch; return the numbers that the curve shows, without gradients."""

    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return numbers of a deciding batch, each a mean over its images, without gradients."""

    def score(self, epoch: int, judged: tuple[float, ...]) -> float:
        """Return what must be small, from the means over all deciding images.

        Infinity where an epoch cannot count, as in a warm-up; such epochs spend no patience.
        """


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long is trained, and how.

    Parameters
    ----------
    epochs, batch
        Passes over the images, and images of a step, about.
    patience
        Epochs without a better score until the training ends.
    augment
        Whether images are mirrored and shifted.
    stage
        What the progress line says before its unit.
    checkpoint_seconds
        Between two checkpoints, at least.
    """

    epochs: int
    seed: int
    batch: int = 64
    patience: int = 10
    augment: bool = True
    stage: str = "training"
    checkpoint_seconds: float = 60


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a training came to; the learner's networks hold the weights of `best_epoch`.

    Parameters
    ----------
    columns, curve
        Names, and float32 [epochs,columns]: means over the epoch's steps, then over the
        deciding images.
    best_epoch
        From 0; -1 where no epoch counted, and the last weights stand.
    """

    columns: tuple[str, ...]
    curve: NDArray[np.float32]
    best_epoch: int

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return len(self.curve)


def train(
    learner: Learner, pictures: Pictures, rows: Split, schedule: Schedule, supply: Supply
) -> Trained:
    """Train, or go on from the supply's checkpoint.

    Raises
    ------
    KeyboardInterrupt
        The user stopped it; a checkpoint was saved.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        run = _Run(learner, pictures, rows, schedule, supply)
        run.resume()
        while not run.is_over:
            run.epoch_on()
    return run.ended()


class Pace:
    """Tells once, as soon as steps were measured, how long a long training will take."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._is_told = False

    def said(self, done: int, total: int, now: float) -> str:
        """Return the sentence, once; else nothing.

        Parameters
        ----------
        now
            Seconds of a clock, before the step that follows `done` ones.
        """
        if self._first is None:
            self._first = done, now
        first, began = self._first
        if self._is_told or done == first or now - began < MEASURED:
            return ""
        self._is_told = True
        a_step = (now - began) / (done - first)
        if a_step * (total - done) < LONG:
            return ""
        hours, minutes = divmod(round(a_step * (total - done) / 60), 60)
        return (
            f"a step takes {a_step:.1f} s on this machine, so the training may take about "
            f"{hours} h {minutes:02} min more, less if it ends early; it may be stopped: the same "
            "command goes on"
        )


class _Run:
    """A training under way."""

    def __init__(
        self, learner: Learner, pictures: Pictures, rows: Split, schedule: Schedule, supply: Supply
    ) -> None:
        self.learner, self.pictures, self.rows = learner, pictures, rows
        self.schedule, self.supply = schedule, supply
        self.epoch = self.step = self.stale = 0
        self.best_epoch, self.best_score = -1, math.inf
        self.best: dict[str, NDArray[Any]] = {}
        self.sums = np.zeros(len(learner.said))
        self.curve = np.empty((0, len(learner.said) + len(learner.judged)), np.float32)
        self.saved_at = time.monotonic()
        self.pace = Pace()
        self.steps = max(1, round(len(rows.learned) / schedule.batch))
        self.rates = {
            name: [group["lr"] for group in optimizer.param_groups]
            for name, optimizer in learner.optimizers().items()
        }

    @property
    def is_over(self) -> bool:
        return self.epoch >= self.schedule.epochs or self.stale >= self.schedule.patience

    def epoch_on(self) -> None:
        """Take the steps that the epoch still has, then judge it."""
        order = generator(self.schedule.seed, "order", self.epoch).permutation(self.rows.learned)
        for rows in np.array_split(order, self.steps)[self.step :]:
            self._pause()
            self._learn(rows)
        self._judge()
        if self.is_over:
            self._save()

    def ended(self) -> Trained:
        """Return to the epoch that counts."""
        if self.best:
            for name, network in self.learner.networks().items():
                load_into(network, self.best, f"best/{name}")
        for network in self.learner.networks().values():
            network.eval()
        columns = self.learner.said + self.learner.judged
        return Trained(columns, self.curve, self.best_epoch)

    def _pause(self) -> None:
        """Show where the run is, let the user stop it, and save if it is time."""
        total = self.schedule.epochs * self.steps
        done = self.epoch * self.steps + self.step
        try:  # a progress line may be where the user is heard
            self.supply.voice.progress(f"{self.schedule.stage}: steps", done, total)
            self.supply.voice.safe_point()
        except KeyboardInterrupt:
            self._save()
            raise
        if sentence := self.pace.said(done, total, time.monotonic()):
            self.supply.voice.notice(sentence)
        if time.monotonic() - self.saved_at >= self.schedule.checkpoint_seconds and done:
            self._save()

    def _learn(self, rows: Rows) -> None:
        seed, where = self.schedule.seed, (self.epoch, self.step)
        images = self.pictures.images(rows)
        if self.schedule.augment:
            images = augmented(images, generator(seed, "augment", *where))
        self._cool()
        for network in self.learner.networks().values():
            network.train()
        with torch_draws(seed, "step", *where):
            said = self.learner.step(Batch(images, self.pictures.labels(rows), *where))
        self.sums += torch.stack([value.double() for value in said]).cpu().numpy()
        self.step += 1

    def _cool(self) -> None:
        done = (self.epoch + self.step / self.steps) / self.schedule.epochs
        share = COLDEST + (1 - COLDEST) * (1 + math.cos(math.pi * done)) / 2
        for name, optimizer in self.learner.optimizers().items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = share * rate

    def _judge(self) -> None:
        """End an epoch: its line of the curve, and whether it is the best."""
        judged = self._judged()
        line = np.concatenate([self.sums / self.steps, judged])
        self.curve = np.vstack([self.curve, line[None].astype(np.float32)])
        score = self.learner.score(self.epoch, tuple(judged.tolist()))
        if score < self.best_score:
            self.best_epoch, self.best_score, self.stale = self.epoch, score, 0
            self.best = self._network_arrays("best")
        elif math.isfinite(self.best_score):
            self.stale += 1
        self.epoch, self.step = self.epoch + 1, 0
        self.sums = np.zeros_like(self.sums)

    def _judged(self) -> NDArray[np.float64]:
        deciding = self.rows.deciding
        for network in self.learner.networks().values():
            network.eval()
        total = np.zeros(len(self.learner.judged))
        for start in range(0, len(deciding), AT_ONCE):
            rows = deciding[start : start + AT_ONCE]
            batch = Batch(self.pictures.images(rows), self.pictures.labels(rows), self.epoch, 0)
            with torch.no_grad():
                found = self.learner.judge(batch)
            total += len(rows) * torch.stack([value.double() for value in found]).cpu().numpy()
        return total / len(deciding)

    def _network_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        for name, network in self.learner.networks().items():
            found |= arrays_of(network, f"{prefix}/{name}")
        return found

    def _save(self) -> None:
        arrays = self._network_arrays("now") | self.best
        for name, optimizer in self.learner.optimizers().items():
            arrays |= optimizer_arrays(optimizer, f"optimizer/{name}")
        arrays |= {"sums": self.sums, "curve": self.curve, "score": np.array([self.best_score])}
        counts = {"epoch": self.epoch, "step": self.step, "stale": self.stale}
        self.supply.checkpoints.save({**counts, "best_epoch": self.best_epoch}, arrays)
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Go to where the supply's checkpoint was saved, if there is one."""
        found = self.supply.checkpoints.load()
        if found is None:
            return
        counts, arrays = found
        self.epoch, self.step, self.stale, self.best_epoch = (
            int(str(counts[name])) for name in ("epoch", "step", "stale", "best_epoch")
        )
        for name, network in self.learner.networks().items():
            load_into(network, arrays, f"now/{name}")
        for name, optimizer in self.learner.optimizers().items():
            load_into_optimizer(optimizer, arrays, f"optimizer/{name}")
        self.sums, self.curve = np.array(arrays["sums"]), np.array(arrays["curve"])
        self.best_score = float(arrays["score"][0])
        self.best = {n: np.array(a) for n, a in arrays.items() if n.startswith("best/")}
