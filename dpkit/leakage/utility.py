"""What a developer can expect to learn from a release, beside the same from the originals.

One small network is trained three times on each, by parts in which no group is split, and scored
by balanced accuracy: the mean over the classes of the share that is recognised. Where the
manifest's `training` block names a first layer for blocks, the network is a mixer of those blocks,
else a small residual network; a mixer's scores have a residual network's on the originals beside
them, because losing convolution is part of the price. Three seeds change the parts and the first
weights.

A guess that knows only the class frequencies recognises each class as often as it guesses it, so
its balanced accuracy is one over the number of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Effort, finite
from dpkit.types import block_places
from dpkit.types.utility import MOST_TRAINED, ON_RELEASE, Utility, UtilityScore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import nn

    from dpkit.nets.resnet import Stem
    from dpkit.types import Blocks, Json

    Labels = NDArray[np.int64]
    Rows = NDArray[np.int64]
    _Make = Callable[[tuple[int, int, int]], nn.Module]

SEEDS: Final = 3
HELD_OUT: Final = 0.3  # of each class's groups, for the score
STOPPING: Final = 0.15  # of the rest, to end the training by
ORIGINALS: Final = "the originals"
BY_CONVOLUTION: Final = "the originals, by a residual network"
LEARNS: Final = 0.25  # of the way from the guess to the originals' score: below, little is learnt
LEAST_LEARNT: Final = 0.05  # balanced accuracy beyond the guess
CUT: Final = " At least one training was cut by the budget, so more may be possible."
LARGE: Final = 64  # pixels a side, from which on a network begins by quartering the image


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Which class and which group each image is of: int64 [n] and any [n]."""

    labels: Labels
    groups: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)


def measure_utility(
    originals: NDArray[Any],
    values: NDArray[Any],
    known: Labelled,
    training_block: Mapping[str, Json],
    effort: Effort,
) -> Utility:
    """Train on the originals and on the release, and compare.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c].
    values
        [n,…], what was released of them, row by row.
    training_block
        The manifest's `training`.
    effort
        Its time is shared out evenly. Only the first images are used where there are more than
        5,000, in quick mode 1,500.

    Raises
    ------
    UsageError
        The rows do not match, or there are not two classes of two groups each.
    OutOfBudgetError
        The time did not suffice for one step of each training.
    """
    if not len(originals) == len(values) == len(known):
        raise UsageError(f"{len(originals)} originals, {len(values)} released, {len(known)} labels")
    most = MOST_TRAINED[effort.is_full]
    classes, labels = np.unique(known.labels[:most], return_inverse=True)
    kept = Labelled(labels, known.groups[:most])
    parts = [parted(kept, effort.seed + i) for i in range(SEEDS)]
    pixels, released = np.moveaxis(originals[:most], -1, 1), finite("values", values[:most])
    layer, residual = training_block.get("first_layer"), partial(_residual, len(classes))
    make = partial(_mixer, layer, len(classes)) if isinstance(layer, dict) else residual
    trainings = {ORIGINALS: (pixels, make), ON_RELEASE: (released, make)}
    if make is not residual:
        trainings[BY_CONVOLUTION] = (pixels, residual)
    results: dict[str, list[_Result]] = {name: [] for name in trainings}
    tasks = [(name, part) for part in parts for name in trainings]
    for left, (name, part) in zip(range(len(tasks), 0, -1), tasks, strict=True):
        rows, network = trainings[name]
        share = Effort(effort.left / left, effort.seed + len(results[name]), effort.is_full)
        results[name].append(_trained(rows, kept.labels, part, network, share))
    scores = tuple(_score(name, found) for name, found in results.items())
    guess = float(np.mean([1 / len(np.unique(kept.labels[part.tested])) for part in parts]))
    ended = all(result.converged for found in results.values() for result in found)
    return Utility(
        network="residual network" if make is residual else "block mixer",
        images=len(kept),
        held_out=round(float(np.mean([len(part.tested) for part in parts]))),
        scores=scores,
        guess=guess,
        sentence=sentence(tuple(score.mean for score in scores), guess) + ("" if ended else CUT),
    )


def sentence(reached: tuple[float, ...], guess: float) -> str:
    """Say what balanced accuracies of 0 to 1 mean for a developer.

    Parameters
    ----------
    reached
        From the originals, from the release, and, where that network is none, from the originals
        by a convolutional one.
    """
    originals, release, *by_convolution = reached
    beside = f"{originals:.2f} from the originals, {guess:.2f} by a guess"
    for other in by_convolution:
        beside = f"{beside}, {other:.2f} from the originals by convolutions"
    if originals - guess < LEAST_LEARNT:
        return (
            f"The small network learns nothing from the originals either ({beside}), so its "
            f"{release:.2f} from the release says nothing."
        )
    share = (release - guess) / (originals - guess)
    if share < LEARNS:
        return (
            f"Nobody can be expected to learn these labels from the release: balanced accuracy "
            f"{release:.2f}, against {beside}."
        )
    kept = min(100, round(100 * share))
    return (
        f"The small network reaches a balanced accuracy of {release:.2f} from the release, "
        f"against {beside}: {kept} % of what it learns beyond the guess is kept."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Rows to learn from, to end the training by, and to be tested on; int64 each."""

    learned: Rows
    stopping: Rows
    tested: Rows


def parted(known: Labelled, seed: int) -> Parts:
    """Draw the parts class by class; no group is in two of learned, stopping and tested.

    A group counts to the class of its first image. Where classes have two groups only, a tenth of
    the images to learn from ends the training, and may be of their groups.

    Raises
    ------
    UsageError
        There are not two classes of two groups each.
    """
    rng = np.random.default_rng(seed)
    _, first, of_group = np.unique(known.groups, return_index=True, return_inverse=True)
    role = np.zeros(len(first), np.int64)  # 0 learned, 1 stopping, 2 tested
    split_classes = 0
    for label in np.unique(known.labels[first]):
        groups = rng.permutation(np.flatnonzero(known.labels[first] == label))
        split_classes += len(groups) > 1
        tested = max(1, round(HELD_OUT * len(groups))) if len(groups) > 1 else 0
        rest = groups[tested:]
        role[groups[:tested]] = 2
        role[rest[: max(1, round(STOPPING * len(rest))) if len(rest) > 1 else 0]] = 1
    if split_classes < 2:  # noqa: PLR2004 (one class cannot be told from itself)
        raise UsageError("utility needs two classes with two groups each")
    rows = [np.flatnonzero(role[of_group.ravel()] == wanted) for wanted in range(3)]
    if not len(rows[1]):
        rows[:2] = np.split(rng.permutation(rows[0]), [-max(1, len(rows[0]) // 10)])
    return Parts(*rows)


@dataclass(frozen=True, slots=True)
class _Result:
    accuracy: float
    converged: bool


def _trained(
    rows: NDArray[Any], labels: Labels, part: Parts, make: _Make, effort: Effort
) -> _Result:
    """Train one network on values [n,c,h,w] and score it."""
    import torch  # noqa: PLC0415 (slow to import; a run without utility does without)
    from torch.nn.functional import cross_entropy  # noqa: PLC0415 (same)

    from dpkit.leakage.fitting import Lesson, fit  # noqa: PLC0415 (same)

    inputs = _standard(rows, part.learned)
    counts = np.maximum(np.bincount(labels[part.learned], minlength=labels.max() + 1), 1)
    weight = torch.from_numpy((len(part.learned) / len(counts) / counts).astype(np.float32))
    lesson = Lesson(
        partial(make, inputs.shape[1:]),
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy(labels),
        loss=partial(cross_entropy, weight=weight),
        learned=torch.from_numpy(part.learned),
        held_out=torch.from_numpy(part.stopping),
    )
    trained = fit(lesson, effort)
    answers = trained(lesson.inputs[torch.from_numpy(part.tested)]).argmax(dim=1).numpy()
    return _Result(balanced_accuracy(labels[part.tested], answers), trained.converged)


def balanced_accuracy(labels: Labels, answers: Labels) -> float:
    """Return the mean over the classes of the share of its images that is recognised."""
    right = labels == answers
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def _standard(rows: NDArray[Any], learned: Rows) -> NDArray[np.float32]:
    """Return values with mean 0 and deviation 1 in each channel of the rows to learn from."""
    seen = rows[learned].astype(np.float32)
    mean = seen.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = seen.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    gain = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return np.ascontiguousarray((rows - mean) * gain, dtype=np.float32)


def _mixer(layer: Mapping[str, Json], classes: int, shape: tuple[int, int, int]) -> nn.Module:
    import torch  # noqa: PLC0415 (slow to import; a run without utility does without)

    from dpkit.nets import BlockMixer  # noqa: PLC0415 (same)

    kappa, blocks = cast("int", layer["tokens"]), cast("Blocks", layer.get("blocks", "raster"))
    places = torch.from_numpy(block_places(blocks, kappa, shape))
    return BlockMixer(places=places, classes=classes, dropout=0.2)


def _residual(classes: int, shape: tuple[int, int, int]) -> nn.Module:
    from dpkit.nets import ResNet  # noqa: PLC0415 (imports torch, which is slow)

    channels, *sides = shape
    stem: Stem = "imagenet" if min(sides) >= LARGE else "small"
    return ResNet(layers=(1, 1, 1), classes=classes, in_channels=channels, width=16, stem=stem)


def _score(name: str, results: list[_Result]) -> UtilityScore:
    reached = [result.accuracy for result in results]
    return UtilityScore(name, float(np.mean(reached)), min(reached), max(reached), len(reached))
