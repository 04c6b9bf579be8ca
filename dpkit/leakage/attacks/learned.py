"""What the learned reconstructors share: from a view and a network to recovered images.

    symbol   here       meaning
    f        network    what is trained: released values to (picture - mean) / σ
    D̂        images     mean + σ f(T), within 0 to peak

The loss is the mean squared error; a tenth of the pairs is held out (`leakage.fitting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Effort, Stopwatch
from dpkit.leakage.attacks.examples import (
    Examples,
    Guesses,
    decibels,
    examples_of,
    grey_levels,
)
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.fitting import Fit
    from dpkit.types.adversary import AdversaryView

FOR_TRAINING: Final = 0.9  # of the time; the rest is for turning the targets back
DARKEST: Final = 1e-6  # the least deviation that pixels are divided by


def reconstructed(name: str, view: AdversaryView, effort: Effort) -> Reconstruction:
    """Train one of `nets.RECONSTRUCTORS` on the view's pairs and turn its targets back.

    Parameters
    ----------
    name
        The attack's and the network's.

    Raises
    ------
    UsageError
        The view has too few pairs.
    OutOfBudgetError
        Not one step could be made.
    """
    watch, lesson = Stopwatch(), _Lesson.of(examples_of(view), effort)
    budget = Effort(FOR_TRAINING * effort.left, effort.seed, effort.is_full)
    trained = lesson.trained(name, budget)
    pairs, held_out = lesson.pairs, lesson.held_out
    guesses = Guesses.of(pairs.pixels[lesson.learned], pairs.pixels[held_out])
    reached = decibels(pairs.pixels[held_out], lesson.pictures(trained, pairs.values[held_out]))
    return Reconstruction(
        name,
        grey_levels(view, lesson.pictures(trained, pairs.targets)),
        _figures(pairs, trained, reached, guesses),
        watch.seconds,
        f"{_say_training(pairs, trained)} {guesses.compare(reached)}",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Lesson:
    """Pairs, which of them are learned from, and what is added to the network's outputs."""

    pairs: Examples
    learned: NDArray[np.int64]
    held_out: NDArray[np.int64]
    mean: NDArray[np.float32]
    scale: np.float32

    @classmethod
    def of(cls, pairs: Examples, effort: Effort) -> _Lesson:
        from dpkit.leakage.fitting import split  # noqa: PLC0415 (imports torch, which is slow)

        learned, held_out = (part.numpy() for part in split(len(pairs), effort.seed))
        pixels = pairs.pixels[learned]
        scale = np.float32(max(pixels.std(), DARKEST))
        return cls(pairs, learned, held_out, np.asarray(pixels.mean(axis=0)), scale)

    def trained(self, name: str, effort: Effort) -> Fit:
        import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)
        from torch.nn.functional import mse_loss  # noqa: PLC0415 (same)

        from dpkit.leakage import fitting  # noqa: PLC0415 (same)
        from dpkit.nets import RECONSTRUCTORS  # noqa: PLC0415 (same)

        pairs = self.pairs
        make = partial(
            RECONSTRUCTORS[name],
            in_shape=pairs.values.shape[1:],
            out_shape=pairs.pixels.shape[1:],
        )
        lesson = fitting.Lesson(
            make,
            inputs=torch.from_numpy(pairs.values),
            targets=torch.from_numpy((pairs.pixels - self.mean) / self.scale),
            loss=mse_loss,
            learned=torch.from_numpy(self.learned),
            held_out=torch.from_numpy(self.held_out),
        )
        return fitting.fit(lesson, effort)

    def pictures(self, trained: Fit, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the network makes of values, [n,c,h,w], about 0 to 1."""
        import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)

        outputs = trained(torch.from_numpy(values)).numpy()
        return np.asarray(self.mean + self.scale * outputs)


def _figures(
    examples: Examples, trained: Fit, reached: float, guesses: Guesses
) -> dict[str, float]:
    return {
        "pairs": float(len(examples)),
        "steps": float(trained.steps),
        "learning rate": trained.rate,
        "converged": float(trained.converged),
        "held-out PSNR": reached,
        "constant guess PSNR": guesses.constant,
        "mean picture PSNR": guesses.mean,
    }


def _say_training(examples: Examples, trained: Fit) -> str:
    end = "converged" if trained.converged else "cut by the budget, so a lower bound"
    return f"Trained on {len(examples)} pairs, {trained.steps} steps ({end})."
