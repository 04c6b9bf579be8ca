"""`dpkit sweep partition` from files to files: every case once, and again after a kill."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, cast

from dpkit.errors import UsageError
from dpkit.nets.attackers import ATTACKERS
from dpkit.nets.bipartite import SPLITS
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.partition import MOST_STRENGTH, Partition
from dpkit.sweep.cells import CellCheckpoints, Cells, number_name
from dpkit.sweep.partition import Asked, Attacked, Case, Scores, measure
from dpkit.sweep.partitionplot import partition_plot
from dpkit.sweep.partitiontable import partition_facts, partition_lines
from dpkit.sweep.private import PRIVATE
from dpkit.sweep.source import Provided, provided
from dpkit.sweep.strengths import check_strengths
from dpkit.training.partitioned import Recipe, partitioned
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from dpkit.nets.bipartite import Bipartite
    from dpkit.types import Json
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """Every combination of split point, λ and seed is a case.

    Parameters
    ----------
    attackers
        Names of `nets.attackers.ATTACKERS`; none stands for all of the network's.

    Raises
    ------
    UsageError
        There is nothing to measure, or a number is out of its range.
    """

    network: str = "mlp"
    splits: tuple[int, ...] = (1,)
    strengths: tuple[float, ...] = (0.0, 20.0)
    seeds: int = 3
    defenders: int = 4
    distance: str = "mse"
    epochs: int = 30
    width: int = 0
    attackers: tuple[str, ...] = ()
    is_full: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.attackers if name not in ATTACKERS[self.network]]
        if unknown:
            known = ", ".join(ATTACKERS[self.network])
            raise UsageError(f"attacker {unknown[0]!r} is not one of {known}")
        most = SPLITS[self.network]
        if not self.splits or not all(1 <= split <= most for split in self.splits):
            raise UsageError(f"split points of {self.network} are within 1 to {most}")
        check_strengths(self.strengths, MOST_STRENGTH)

    def recipe(self, split: int, strength: float) -> Recipe:
        """Return what one case trains."""
        return Recipe(
            self.network, split, self.width, self.defenders, strength, self.distance, self.epochs
        )

    def cases(self) -> Iterator[tuple[int, float, int]]:
        """Yield split, λ and seed, seed by seed: early cases already show the whole picture."""
        for seed in range(self.seeds):
            for split in self.splits:
                for strength in self.strengths:
                    yield split, strength, seed


@dataclass(frozen=True, slots=True)
class PartitionRequest:
    """What is asked of one sweep.

    Parameters
    ----------
    out
        The private folder for cases, tables and plot.
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
        plan: dict[str, Json] = asdict(self.request.plan)
        return {"sweep": "partition", "plan": plan, **partition_facts(self.cases)}

    def lines(self) -> list[str]:
        """Return the tables for a person; private."""
        lines = partition_lines(self.cases, self.request.plan.network)
        return [*lines, "", f"written to {self.request.out}; {PRIVATE}"]


def partition_folder(request: PartitionRequest, voice: Voice) -> PartitionSweep:
    """Measure every case that is not yet measured; write `sweep.json` and `sweep.svg`.

    Raises
    ------
    UsageError
        The folder is of another sweep, or the images have no labels or too few, or are too small.
    """
    source = provided(request.source, request.split, request.read, request.seed, voice)
    Partition(network=request.plan.network).check(source.geometry)
    asked: dict[str, Json] = asdict(request.plan)
    cells = Cells(request.out, {"plan": asked, **source.asked()})
    measured = _Measured(request.plan, source, cells, voice)
    wanted = list(request.plan.cases())
    cases = []
    for done, (split, strength, seed) in enumerate(wanted):
        voice.progress("sweeping: cases", done, len(wanted))
        cases.append(measured.case(split, strength, seed))
    sweep = PartitionSweep(request, tuple(cases))
    text = json.dumps(sweep.facts(), indent=2, sort_keys=True, allow_nan=False)
    cells.write("sweep.json", text.encode() + b"\n")
    cells.write("sweep.svg", partition_plot(sweep.cases))
    return sweep


class _Measured:
    """Cases by name: from their files, or measured now and written."""

    def __init__(self, plan: PartitionPlan, source: Provided, cells: Cells, voice: Voice) -> None:
        self.plan, self.source, self.cells, self.voice = plan, source, cells, voice
        self._plain: dict[int, Bipartite] = {}

    def case(self, split: int, strength: float, seed: int) -> Case:
        """Return one case."""
        name = f"{split}-{number_name(strength)}-{seed}"
        attackers = self.plan.attackers or tuple(ATTACKERS[self.plan.network])
        asked = Asked(self.plan.recipe(split, strength), seed, attackers, self.plan.is_full)

        def measured() -> dict[str, Json]:
            checkpoints = CellCheckpoints(self.cells, name)
            supply = Supply(images=self.source.images, checkpoints=checkpoints, voice=self.voice)
            facts: dict[str, Json] = asdict(
                measure(self.source, asked, self._undefended(seed), supply)
            )
            checkpoints.end()
            return facts

        return _case(self.cells.figures(name, measured))

    def _undefended(self, seed: int) -> Bipartite:
        """Return the network of a seed that was trained without a defence."""
        if seed not in self._plain:
            supply = Supply(images=self.source.images, voice=self.voice)
            recipe = self.plan.recipe(self.plan.splits[0], 0.0)
            made = partitioned(recipe, self.source.geometry, seed, supply)
            self._plain[seed] = made.network
        return self._plain[seed]


def _case(facts: dict[str, Json]) -> Case:
    """Return a case as it was written."""
    found = cast("dict[str, Any]", dict(facts))
    for guess in ("mean_image", "one_grey"):
        found[guess] = Scores(**found[guess])
    found["attackers"] = tuple(Attacked(**each) for each in found["attackers"])
    return Case(**found)
