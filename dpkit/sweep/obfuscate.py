"""What a learnable obfuscator costs and hides, over λ: Table 3 of its paper under fair attackers.

For each seed and λ an obfuscator is trained, frozen, and attacked: every kind of reconstructor is
trained anew against it, on pictures of the training part, and scored on pictures of the test part
as they come out. λ = 0, the network without a defence, is always beside the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.obfuscate import MOST_WEIGHT, Obfuscate
from dpkit.sweep.attackers import GENERAL, PAPERS, Encoded, Quality, attacked, guesses
from dpkit.sweep.cells import Cells, number_name
from dpkit.sweep.obfuscators import Trained, encoded, trained
from dpkit.sweep.shares import Shares
from dpkit.sweep.source import Provided, provided
from dpkit.sweep.strengths import check_strengths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.types import Json
    from dpkit.types.voice import Voice

KINDS: Final = PAPERS + GENERAL
FIGURES: Final = 2  # version of what the cells mean; a folder of another is another sweep's


@dataclass(frozen=True, slots=True)
class ObfuscateSweep:
    """What is swept.

    Parameters
    ----------
    weights
        λ, each within 0 to 100; 0 is always added.
    sanitizer
        All other parameters of the obfuscator.
    seeds
        Repetitions, 1 or more, each with obfuscators and attackers of its own.
    seconds
        For all attackers that are still to be trained, together.
    pairs, targets
        Pictures that an attacker learns from, and pictures that it is scored on, at most.
    retries_cut
        Whether attackers that an earlier budget cut are trained again, with the time there is.
    """

    source: Path
    out: Path
    weights: tuple[float, ...]
    sanitizer: Obfuscate = field(default_factory=Obfuscate)
    kinds: tuple[str, ...] = KINDS
    seeds: int = 3
    seconds: float = 1800.0
    pairs: int = 5000
    targets: int = 500
    split: Split = field(default_factory=Split)
    read: ReadOptions = field(default_factory=ReadOptions)
    seed: int = 0
    retries_cut: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown or not self.kinds:
            known = ", ".join(KINDS)
            raise UsageError(f"attackers {unknown} are not among {known}")
        check_strengths(self.weights, MOST_WEIGHT)

    @property
    def settings(self) -> tuple[Obfuscate, ...]:
        """The obfuscators of one seed, the undefended first."""
        weights = sorted({0.0, *self.weights})
        return tuple(replace(self.sanitizer, lambda_=weight) for weight in weights)

    def repetitions(self) -> Iterator[tuple[int, Obfuscate]]:
        """Yield seeds and obfuscators, seed by seed: the first already show the whole picture."""
        for seed in range(self.seeds):
            for sanitizer in self.settings:
                yield seed, sanitizer


@dataclass(frozen=True, slots=True, eq=False)
class Swept:
    """Everything that was found.

    Parameters
    ----------
    guesses
        What is reached without an encoder, by name.
    trained
        One obfuscator for each seed and λ.
    attacks
        Figures by λ, seed and kind.
    """

    images: tuple[int, int, int]  # that learn or decide, that attackers learn from, scored
    guesses: dict[str, Quality]
    trained: tuple[Trained, ...]
    attacks: dict[tuple[float, int, str], dict[str, Json]]


def sweep_obfuscate(sweep: ObfuscateSweep, voice: Voice) -> tuple[Swept, Cells]:
    """Train and attack every obfuscator, or go on where a killed sweep was.

    Raises
    ------
    UsageError
        The images cannot be learned from, or the output holds something else.
    """
    source = provided(sweep.source, sweep.split, sweep.read, sweep.seed, voice)
    cells = Cells(sweep.out, _asked(sweep, source))
    learned = source.rows("train", "validation")
    pairs = _some(learned, sweep.pairs, sweep.seed)
    targets = _some(source.rows("test"), sweep.targets, sweep.seed)
    attacking = _Attacking(sweep, cells, voice)
    found: list[Trained] = []
    attacks: dict[tuple[float, int, str], dict[str, Json]] = {}
    for seed, sanitizer in sweep.repetitions():
        one = trained(sanitizer, (sweep.seed, seed), source, cells, voice)
        sides = encoded(one, source, pairs), encoded(one, source, targets)
        attacks |= attacking.attacked(one, sides, source)
        found.append(one)
    counts = (len(learned), len(pairs), len(targets))
    guessed = guesses(*sides, source.geometry.peak)
    return Swept(counts, guessed, tuple(found), attacks), cells


def _asked(sweep: ObfuscateSweep, source: Provided) -> dict[str, Json]:
    """Return what the figures of a cell depend on; more λ, kinds or seeds only add cells."""
    return {
        **source.asked(),
        "figures": FIGURES,
        "sanitizer": parameters(sweep.sanitizer) | {"lambda": None},
        "pairs": sweep.pairs,
        "targets": sweep.targets,
        "seed": sweep.seed,
    }


class _Attacking:
    """Every attacker that is asked for, and which of them are still to be trained."""

    def __init__(self, sweep: ObfuscateSweep, cells: Cells, voice: Voice) -> None:
        self.sweep, self.cells, self.voice = sweep, cells, voice
        asked = [
            _cell(sanitizer.lambda_, seed, kind)
            for seed, sanitizer in sweep.repetitions()
            for kind in sweep.kinds
        ]
        due = sum(self._is_due(name) for name in asked)
        self.shares, self.done, self.asked = Shares(sweep.seconds, due), 0, len(asked)

    def attacked(
        self, one: Trained, sides: tuple[Encoded, Encoded], source: Provided
    ) -> dict[tuple[float, int, str], dict[str, Json]]:
        """Train every kind against an obfuscator, or take it from its cell."""
        found = {}
        for kind in self.sweep.kinds:
            self.voice.progress("attacking: attackers", self.done, self.asked)
            self.voice.safe_point()
            name = _cell(one.weight, one.seed, kind)
            figures = self.cells.done(name)
            if self._is_due(name):
                with self.shares.effort(one.seed) as effort:
                    figures = _better(attacked(kind, *sides, source.geometry, effort), figures)
                self.cells.put(name, figures)
            found[one.weight, one.seed, kind] = figures or {}
            self.done += 1
        return found

    def _is_due(self, name: str) -> bool:
        figures = self.cells.done(name)
        return figures is None or (self.sweep.retries_cut and is_cut(figures))


def _better(new: dict[str, Json], old: dict[str, Json] | None) -> dict[str, Json]:
    """Return the figures of the higher PSNR: less time must not make an attacker weaker."""
    if old is None or old["psnr"] is None:
        return new
    return old if new["psnr"] is None or float(str(new["psnr"])) < float(str(old["psnr"])) else new


def is_cut(figures: dict[str, Json] | None) -> bool:
    """Say whether an attacker's training was ended by its time."""
    return figures is not None and not (figures["psnr"] is not None and figures.get("converged", 1))


def _cell(weight: float, seed: int, kind: str) -> str:
    return f"{kind}-{number_name(weight)}-{seed}"


def _some(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    drawn = np.random.default_rng(seed).permutation(rows)[:most]
    return np.sort(drawn)
