"""`dpkit sweep partition` from files to files: every attacker once, and on after a kill."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

from dpkit.nets.attackers import ATTACKERS
from dpkit.sweep.cells import Cells, number_name
from dpkit.sweep.partition import Attacked, Case, Scale, Scores, Standing, pixels_of
from dpkit.sweep.partitionmemory import check_memory
from dpkit.sweep.partitionnetworks import Networks
from dpkit.sweep.partitionplot import partition_plot
from dpkit.sweep.partitiontable import partition_facts, partition_lines
from dpkit.sweep.perceived import spaced
from dpkit.sweep.private import PRIVATE
from dpkit.sweep.sharing import Shares
from dpkit.sweep.shown_faces import OriginalFaces, original_faces
from dpkit.sweep.source import Provided, provided
from dpkit.sweep.workers import in_processes, one_by_one
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from typing import Any

    from dpkit.sweep.partitionplan import PartitionPlan, PartitionRequest, Where
    from dpkit.types import Json


@dataclass(frozen=True, slots=True)
class PartitionSweep:
    """All cases of a request."""

    request: PartitionRequest
    cases: tuple[Case, ...]

    def facts(self) -> dict[str, Json]:
        """Return everything for a program; private."""
        return {
            "sweep": "partition",
            "plan": self.request.plan.facts(),
            **partition_facts(self.cases),
        }

    def lines(self) -> list[str]:
        """Return the tables for a person; private."""
        lines = partition_lines(self.cases, self.request.plan.sanitizer.network)
        return [*lines, "", f"written to {self.request.out}; {PRIVATE}"]


def partition_folder(request: PartitionRequest, voice: Voice) -> PartitionSweep:
    """Measure whatever is not yet measured; write `sweep.json` and `sweep.svg`.

    Raises
    ------
    UsageError
        The folder is of another sweep, the images have no labels or too few or are too small, or
        an attacker would need too much memory.
    """
    measured = _Measured.of(request, voice)
    jobs = measured.jobs()
    with measured.cells.alone():
        if request.plan.workers > 1 and len(jobs) > 1:
            apart = partial(in_processes, workers=request.plan.workers, look=measured.look)
            apart(partial(_trained_apart, request), list(request.plan.networks()))
            apart(partial(_measured_apart, request), jobs)
        else:
            one_by_one(measured.measure, jobs, voice)
    sweep = PartitionSweep(request, tuple(measured.case(job) for job in jobs))
    text = json.dumps(sweep.facts(), indent=2, sort_keys=True, allow_nan=False)
    measured.cells.write("sweep.json", text.encode() + b"\n")
    measured.cells.write("sweep.svg", partition_plot(sweep.cases))
    return sweep


@dataclass(frozen=True, slots=True)
class _Job:
    """One case, and the time that its attackers may take together."""

    where: Where
    seconds: float


def _trained_apart(request: PartitionRequest, where: Where) -> None:
    """Train one network in a process of its own."""
    measured = _Measured.of(request, Voice())
    one_by_one(measured.network, [where], Voice())


def _measured_apart(request: PartitionRequest, job: _Job) -> None:
    """Measure one case in a process of its own."""
    one_by_one(_Measured.of(request, Voice()).measure, [job], Voice())


class _Measured:
    """Cases of which every part has a cell: taken from there, or measured now and kept."""

    def __init__(self, plan: PartitionPlan, source: Provided, cells: Cells, voice: Voice) -> None:
        self.plan, self.source, self.cells, self.voice = plan, source, cells, voice
        self.networks = Networks(source, cells, voice)
        self._at_hand: tuple[Where, Scale] | None = None

    @classmethod
    def of(cls, request: PartitionRequest, voice: Voice) -> _Measured:
        """Read the images and open the folder."""
        source = provided(request.source, request.split, request.read, request.seed, voice)
        plan = request.plan
        plan.sanitizer.check(source.geometry)
        check_memory(plan, source)
        return cls(plan, source, Cells(request.out, {**plan.asked(), **source.asked()}), voice)

    def jobs(self) -> list[_Job]:
        """Return every case with its share of the time."""
        due = {where: len(self._due(where)) for where in self.plan.cases()}
        at_work = min(self.plan.workers, sum(many > 0 for many in due.values()))
        share = self.plan.seconds * at_work / max(1, sum(due.values()))
        return [_Job(where, share * many) for where, many in due.items()]

    def look(self) -> None:
        """Say how far the sweep is; end it where the user wants to."""
        names = [
            _cell(what, where) for where in self.plan.cases() for what in ("case", *self.plan.names)
        ]
        done = sum(self.cells.done(name) is not None for name in names)
        self.voice.progress("sweeping: trainings", done, len(names))
        self.voice.safe_point()

    def network(self, where: Where) -> None:
        """Train the network of a case."""
        split, strength, seed = where
        self.networks.trained(self.plan.recipe(split, strength), seed)

    def measure(self, job: _Job) -> None:
        """Measure whatever a case still lacks."""
        self.cells.figures(_cell("case", job.where), partial(self._standing_of, job.where))
        due = self._due(job.where)
        shares = Shares(job.seconds, len(due))
        for name in due:
            self.look()
            self._attack(job.where, name, shares)

    def case(self, job: _Job) -> Case:
        """Return a case that was measured."""
        figures = self.cells.done(_cell("case", job.where)) or {}
        attackers = (self._kept(job.where, name) for name in self.plan.names)
        return Case(*job.where, _standing(figures), tuple(one for one in attackers if one))

    def _standing_of(self, where: Where) -> dict[str, Json]:
        return asdict(self._scale(where).standing(where[2], self.networks.supply()))

    def _attack(self, where: Where, name: str, shares: Shares) -> None:
        """Train one attacker; less time than before never makes it weaker."""
        scale, make = self._scale(where), ATTACKERS[self.plan.sanitizer.network][name]
        with shares.effort(where[2], is_full=self.plan.is_full) as effort:
            found = scale.attacked(name, make, effort)
        before = self._kept(where, name)
        best = found if before is None or found.mse <= before.mse else before
        self.cells.put(_cell(name, where), asdict(best))

    def _due(self, where: Where) -> list[str]:
        """Return the attackers that a case still lacks."""
        return [name for name in self.plan.names if self._is_due(self._kept(where, name))]

    def _kept(self, where: Where, name: str) -> Attacked | None:
        figures = self.cells.done(_cell(name, where))
        return None if figures is None else Attacked(**cast("Any", figures))

    def _is_due(self, before: Attacked | None) -> bool:
        if before is None:
            return True
        return self.plan.retries_cut and before.can_go_on(is_full=self.plan.is_full)

    def _scale(self, where: Where) -> Scale:
        """Return the images and values of a case; those of one at a time are in memory."""
        if self._at_hand is None or self._at_hand[0] != where:
            self._at_hand = None
            split, strength, seed = where
            made = self.networks.trained(self.plan.recipe(split, strength), seed)
            plain = self.networks.trained(self.plan.recipe(split, 0.0), seed)
            self._at_hand = where, Scale(self.source, made, plain.network, self._faces)
        return self._at_hand[1]

    @cached_property
    def _faces(self) -> OriginalFaces | None:
        """The faces of the test part, which all cases share."""
        rows = self.source.rows("test")
        return original_faces(pixels_of(self.source, rows[spaced(len(rows))]))


def _cell(what: str, where: Where) -> str:
    split, strength, seed = where
    return f"{what.replace(' ', '-')}-{split}-{number_name(strength)}-{seed}"


def _standing(figures: dict[str, Json]) -> Standing:
    """Return a network's figures as they were written."""
    found = cast("dict[str, Any]", dict(figures))
    for guess in ("mean_image", "one_grey"):
        found[guess] = Scores(**found[guess])
    return Standing(**found)
