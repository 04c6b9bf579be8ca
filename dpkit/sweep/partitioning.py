"""`dpkit sweep partition` from files to files: every attacker once, and on after a kill."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from dpkit.errors import UsageError
from dpkit.nets.attackers import ATTACKERS
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.partition import MOST_STRENGTH, SPLITS, Partition
from dpkit.sweep.cells import Cells, number_name
from dpkit.sweep.partition import Attacked, Case, Scale, Scores, Standing, pixels_of
from dpkit.sweep.partitionmemory import check_memory
from dpkit.sweep.partitionnetworks import Networks
from dpkit.sweep.partitionplot import partition_plot
from dpkit.sweep.partitiontable import partition_facts, partition_lines
from dpkit.sweep.perceived import SEEN
from dpkit.sweep.private import PRIVATE
from dpkit.sweep.sharing import FOREVER, Shares
from dpkit.sweep.shown_faces import OriginalFaces, original_faces
from dpkit.sweep.source import Provided, provided
from dpkit.sweep.strengths import check_strengths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from dpkit.training.partitioned import Recipe
    from dpkit.types import Json
    from dpkit.types.voice import Voice

    Where = tuple[int, float, int]  # split point, λ, seed

SWEPT: Final = ("split_point", "lambda", "dtype", "classes")  # of no part in what cells share


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """Every combination of split point, λ and seed is a case.

    Parameters
    ----------
    sanitizer
        All parameters but split point and λ.
    attackers
        Names of `nets.attackers.ATTACKERS`; none stands for all of the network's.
    is_full
        Whether attackers are trained to convergence whatever it takes, or 1,500 steps at most.
    seconds
        For all attackers that are still to be trained, together.
    retries_cut
        Whether attackers that an earlier budget cut are trained again, with the time there is.

    Raises
    ------
    UsageError
        There is nothing to measure, or a number is out of its range.
    """

    sanitizer: Partition = field(default_factory=Partition)
    splits: tuple[int, ...] = (1,)
    strengths: tuple[float, ...] = (0.0, 20.0)
    seeds: int = 3
    attackers: tuple[str, ...] = ()
    is_full: bool = True
    seconds: float = FOREVER
    retries_cut: bool = False

    def __post_init__(self) -> None:
        network = self.sanitizer.network
        unknown = [name for name in self.attackers if name not in ATTACKERS[network]]
        if unknown:
            known = ", ".join(ATTACKERS[network])
            raise UsageError(f"attacker {unknown[0]!r} is not one of {known}")
        most = SPLITS[network]
        if not self.splits or not all(1 <= split <= most for split in self.splits):
            raise UsageError(f"split points of {network} are within 1 to {most}")
        check_strengths(self.strengths, MOST_STRENGTH)

    @property
    def names(self) -> tuple[str, ...]:
        """The attackers' names."""
        return self.attackers or tuple(ATTACKERS[self.sanitizer.network])

    def recipe(self, split: int, strength: float) -> Recipe:
        """Return what one case trains."""
        return replace(self.sanitizer, split_point=split, lambda_=strength).recipe

    def cases(self) -> Iterator[Where]:
        """Yield split, λ and seed, seed by seed: early cases already show the whole picture."""
        for seed in range(self.seeds):
            for split in self.splits:
                for strength in self.strengths:
                    yield split, strength, seed

    def asked(self) -> dict[str, Json]:
        """Return what figures depend on; more splits, λ, seeds or attackers only add cells."""
        return {"sweep": "partition", "sanitizer": self._shared(), "is_full": self.is_full}

    def facts(self) -> dict[str, Json]:
        """Return the plan for a program."""
        return {
            **self._shared(),
            "splits": list(self.splits),
            "strengths": list(self.strengths),
            "seeds": self.seeds,
            "attackers": list(self.names),
            "is_full": self.is_full,
            "minutes": None if self.seconds == FOREVER else self.seconds / 60,
        }

    def _shared(self) -> dict[str, Json]:
        return {name: x for name, x in parameters(self.sanitizer).items() if name not in SWEPT}


@dataclass(frozen=True, slots=True)
class PartitionRequest:
    """What is asked of one sweep.

    Parameters
    ----------
    out
        The private folder for cells, tables and plot.
    seed
        Of the parts, where the folder has none.
    """

    source: Path
    out: Path
    plan: PartitionPlan
    read: ReadOptions = field(default_factory=ReadOptions)
    split: Split = field(default_factory=lambda: Split("70/10/20"))
    seed: int = 0


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
    source = provided(request.source, request.split, request.read, request.seed, voice)
    plan = request.plan
    plan.sanitizer.check(source.geometry)
    check_memory(plan, source)
    cells = Cells(request.out, {**plan.asked(), **source.asked()})
    measured = _Measured(plan, source, cells, voice)
    sweep = PartitionSweep(request, tuple(measured.case(where) for where in plan.cases()))
    text = json.dumps(sweep.facts(), indent=2, sort_keys=True, allow_nan=False)
    cells.write("sweep.json", text.encode() + b"\n")
    cells.write("sweep.svg", partition_plot(sweep.cases))
    return sweep


class _Measured:
    """Cases of which every part has a cell: taken from there, or measured now and kept."""

    def __init__(self, plan: PartitionPlan, source: Provided, cells: Cells, voice: Voice) -> None:
        self.plan, self.source, self.cells, self.voice = plan, source, cells, voice
        self.networks = Networks(source, cells, voice)
        self.asked = [(where, name) for where in plan.cases() for name in plan.names]
        self.done = 0
        due = sum(self._is_due(self._kept(*each)) for each in self.asked)
        self.shares = Shares(plan.seconds, due)
        self._at_hand: tuple[Where, Scale] | None = None

    def case(self, where: Where) -> Case:
        """Return one case."""
        figures = self.cells.figures(
            _cell("case", where),
            lambda: asdict(self._scale(where).standing(where[2], self.networks.supply())),
        )
        attackers = tuple(self._attacked(where, name) for name in self.plan.names)
        return Case(*where, _standing(figures), attackers)

    def _attacked(self, where: Where, name: str) -> Attacked:
        """Return what one attacker reached; less time never makes it weaker."""
        self.voice.progress("attacking: attackers", self.done, len(self.asked))
        self.voice.safe_point()
        self.done += 1
        before = self._kept(where, name)
        if before is not None and not self._is_due(before):
            return before
        scale, make = self._scale(where), ATTACKERS[self.plan.sanitizer.network][name]
        with self.shares.effort(where[2], is_full=self.plan.is_full) as effort:
            found = scale.attacked(name, make, effort)
        best = found if before is None or found.mse <= before.mse else before
        self.cells.put(_cell(name, where), asdict(best))
        return best

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
        return original_faces(pixels_of(self.source, self.source.rows("test")[:SEEN]))


def _cell(what: str, where: Where) -> str:
    split, strength, seed = where
    return f"{what.replace(' ', '-')}-{split}-{number_name(strength)}-{seed}"


def _standing(figures: dict[str, Json]) -> Standing:
    """Return a network's figures as they were written."""
    found = cast("dict[str, Any]", dict(figures))
    for guess in ("mean_image", "one_grey"):
        found[guess] = Scores(**found[guess])
    return Standing(**found)
