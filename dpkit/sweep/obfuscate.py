"""What a learnable obfuscator costs and hides, over λ: Table 3 of its paper under fair attackers.

For each seed and λ an obfuscator is trained, frozen, and attacked: every kind of reconstructor is
trained anew against it, on pictures of the training part, and scored on pictures of the test part
as they come out. λ = 0, the network without a defence, is always beside the others. An obfuscator
with its attackers is one job; jobs run one by one or in several processes, and leave cells behind.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.examples import LEAST, MOST_BYTES
from dpkit.leakage.fitting import MOST_STEPS
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.obfuscate import MOST_WEIGHT, Obfuscate
from dpkit.sweep.attackers import GENERAL, PAPERS, Exam, Quality, attacked, guesses, shown
from dpkit.sweep.cells import Cells, number_name
from dpkit.sweep.obfuscators import ENCODER, Trained, encoded, trained
from dpkit.sweep.sharing import Shares
from dpkit.sweep.shown_faces import original_faces
from dpkit.sweep.source import Provided, provided
from dpkit.sweep.strengths import check_strengths
from dpkit.sweep.workers import in_processes, one_by_one
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.types import Json

KINDS: Final = PAPERS + GENERAL
FLOAT_BYTES: Final = 4


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
        That a process may spend on the attackers that are still to be trained.
    pairs, targets
        Pictures that an attacker learns from, and pictures that it is scored on, at most.
    retries_cut
        Whether attackers that an earlier budget cut are trained again, with the time there is.
    workers
        Processes, each with an obfuscator and its attackers.
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
    workers: int = 1

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
    room = _Room.of(sweep, voice)
    jobs = room.jobs()
    workers = min(sweep.workers, len(jobs))
    if room.most_pairs < min(sweep.pairs, len(room.source.rows("train", "validation"))):
        voice.notice(f"attackers learn from {room.most_pairs:,} pairs: more do not fit into memory")
    with room.cells.alone():
        if workers > 1:
            in_processes(partial(_measured_apart, sweep), jobs, workers, partial(_look, room))
        else:
            one_by_one(partial(_measured, room), jobs, voice)
        return _collected(room), room.cells


@dataclass(frozen=True, slots=True)
class _Job:
    """One obfuscator with its attackers, and the time that these may take together."""

    sanitizer: Obfuscate
    seed: int
    seconds: float

    def cell(self, kind: str) -> str:
        return f"{kind}-{number_name(self.sanitizer.lambda_)}-{self.seed}"


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """What every job works on."""

    sweep: ObfuscateSweep
    source: Provided
    cells: Cells
    voice: Voice

    @classmethod
    def of(cls, sweep: ObfuscateSweep, voice: Voice) -> _Room:
        source = provided(sweep.source, sweep.split, sweep.read, sweep.seed, voice)
        sweep.sanitizer.check(source.geometry)
        return cls(sweep, source, Cells(sweep.out, _asked(sweep, source)), voice)

    @property
    def most_pairs(self) -> int:
        """How many pairs fit into the memory that a learned attack may take."""
        geometry = self.source.geometry
        values = math.prod(self.sweep.sanitizer.values_shape(geometry))
        rows = MOST_BYTES // (FLOAT_BYTES * (geometry.elements + values))
        return max(LEAST, rows - self.sweep.targets)

    @property
    def pairs(self) -> NDArray[np.int64]:
        learned = self.source.rows("train", "validation")
        return _some(learned, min(self.sweep.pairs, self.most_pairs), self.sweep.seed)

    @property
    def targets(self) -> NDArray[np.int64]:
        return _some(self.source.rows("test"), self.sweep.targets, self.sweep.seed)

    def jobs(self) -> list[_Job]:
        """Return what is asked, each with its share of the time, seed by seed."""
        asked = [_Job(sanitizer, seed, 0.0) for seed, sanitizer in self.sweep.repetitions()]
        due = [sum(self.is_due(job.cell(kind)) for kind in self.sweep.kinds) for job in asked]
        at_work = min(self.sweep.workers, sum(many > 0 for many in due))
        share = self.sweep.seconds * at_work / max(1, sum(due))
        return [replace(job, seconds=share * many) for job, many in zip(asked, due, strict=True)]

    def is_due(self, name: str) -> bool:
        figures = self.cells.done(name)
        return figures is None or (self.sweep.retries_cut and can_go_on(figures))


def _asked(sweep: ObfuscateSweep, source: Provided) -> dict[str, Json]:
    """Return what the figures of a cell depend on; more λ, kinds or seeds only add cells."""
    return {
        **source.asked(),
        "sanitizer": parameters(sweep.sanitizer) | {"lambda": None},
        "pairs": sweep.pairs,
        "targets": sweep.targets,
        "seed": sweep.seed,
    }


def _measured_apart(sweep: ObfuscateSweep, job: _Job) -> None:
    """Do one job in a process of its own."""
    one_by_one(partial(_measured, _Room.of(sweep, Voice())), [job], Voice())


def _measured(room: _Room, job: _Job) -> None:
    """Train one obfuscator and every attacker of it that is due."""
    sweep, source, cells = room.sweep, room.source, room.cells
    one = trained(job.sanitizer, (sweep.seed, job.seed), source, cells, room.voice)
    due = [kind for kind in sweep.kinds if room.is_due(job.cell(kind))]
    if not due:
        return
    targets = encoded(one, source, room.targets)
    faces = original_faces(shown(targets.pixels, source.geometry.peak))
    exam = Exam(encoded(one, source, room.pairs), targets, source.geometry, faces)
    shares = Shares(job.seconds, len(due))
    for kind in due:
        _look(room)
        name, began = job.cell(kind), time.process_time()
        with shares.effort(job.seed) as effort:
            figures = attacked(kind, exam, effort)
        figures["seconds"] = round(time.process_time() - began, 1)
        cells.put(name, _better(figures, cells.done(name)))


def _look(room: _Room) -> None:
    """Say how far the sweep is; end it where the user wants to."""
    jobs = [_Job(sanitizer, seed, 0.0) for seed, sanitizer in room.sweep.repetitions()]
    names = [job.cell(kind) for job in jobs for kind in (ENCODER, *room.sweep.kinds)]
    done = sum(room.cells.done(name) is not None for name in names)
    room.voice.progress("sweeping: trainings", done, len(names))
    room.voice.safe_point()


def _collected(room: _Room) -> Swept:
    source, sweep = room.source, room.sweep
    found = tuple(
        trained(job.sanitizer, (sweep.seed, job.seed), source, room.cells, room.voice)
        for job in room.jobs()
    )
    attacks = {
        (job.sanitizer.lambda_, job.seed, kind): room.cells.done(job.cell(kind)) or {}
        for job in room.jobs()
        for kind in sweep.kinds
    }
    counts = (len(source.rows("train", "validation")), len(room.pairs), len(room.targets))
    pixels = source.pixels(room.pairs), source.pixels(room.targets)
    return Swept(counts, guesses(*pixels, source.geometry.peak), found, attacks)


def _better(new: dict[str, Json], old: dict[str, Json] | None) -> dict[str, Json]:
    """Return the figures of the higher PSNR: less time must not make an attacker weaker."""
    if old is None or old["psnr"] is None:
        return new
    return old if new["psnr"] is None or float(str(new["psnr"])) < float(str(old["psnr"])) else new


def is_cut(figures: dict[str, Json]) -> bool:
    """Say whether an attacker's training was ended by its time, or by the most steps."""
    return figures["psnr"] is None or not figures.get("converged", 1)


def can_go_on(figures: dict[str, Json]) -> bool:
    """Say whether more time could make it better."""
    return is_cut(figures) and float(str(figures.get("steps") or 0)) < MOST_STEPS[True]


def _some(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    drawn = np.random.default_rng(seed).permutation(rows)[:most]
    return np.sort(drawn)
