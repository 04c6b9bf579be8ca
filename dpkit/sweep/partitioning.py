"""`dpkit sweep partition` from files to files: every case once, and again after a kill.

The folder is private. Each case is a file of its own once it is measured, so that the same command
goes on where it was stopped; a folder of another request is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.nets.bipartite import SPLITS
from dpkit.readers.choice import ReadOptions
from dpkit.sweep.labelled import PEAK, LabelledImages, drawn_parts
from dpkit.sweep.partition import Attacked, Case, Scores, measure
from dpkit.sweep.partitionplot import partition_plot
from dpkit.sweep.partitiontable import partition_facts, partition_lines
from dpkit.sweep.private import PRIVATE, write_private
from dpkit.sweep.sample import Sample, read_sample
from dpkit.training.partitioned import Recipe, partitioned
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dpkit.nets.bipartite import Bipartite
    from dpkit.types import Json
    from dpkit.types.voice import Voice

REQUEST: Final = "request.json"


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """Every combination of these is a case.

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
    is_full: bool = True

    def __post_init__(self) -> None:
        most = SPLITS[self.network]
        if not self.splits or not all(1 <= split <= most for split in self.splits):
            raise UsageError(f"split points of {self.network} are within 1 to {most}")
        if not self.strengths or min(self.strengths) < 0:
            raise UsageError("a sweep needs values of λ, 0 or more", remedy="such as 0,20")

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
    images
        How many are drawn of the source, at most.
    out
        The private folder for cases, tables and plot.
    """

    source: Path
    out: Path
    plan: PartitionPlan
    read: ReadOptions = field(default_factory=ReadOptions)
    images: int = 5_000
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
        The folder is of another request, or the images have no labels or too few.
    """
    sample = read_sample(
        request.source, request.read, count=request.images, seed=request.seed, voice=voice
    )
    images = _labelled(sample, request.seed)
    _begin(request, images)
    measured = _Measured(request, images, voice)
    wanted = list(request.plan.cases())
    cases = []
    for done, (split, strength, seed) in enumerate(wanted):
        voice.progress("sweeping: cases", done, len(wanted))
        voice.safe_point()
        cases.append(measured.case(split, strength, seed))
    sweep = PartitionSweep(request, tuple(cases))
    facts = json.dumps(sweep.facts(), indent=2, sort_keys=True).encode()
    write_private(request.out / "sweep.json", facts + b"\n")
    write_private(request.out / "sweep.svg", partition_plot(sweep.cases))
    return sweep


class _Measured:
    """Cases by name: from their files, or measured now and written."""

    def __init__(self, request: PartitionRequest, images: LabelledImages, voice: Voice) -> None:
        self.request, self.images, self.voice = request, images, voice
        self._plain: dict[int, Bipartite] = {}

    def case(self, split: int, strength: float, seed: int) -> Case:
        """Return one case."""
        path = self.request.out / f"case-{split}-{strength:g}-{seed}.json"
        if path.exists():
            return _read_case(path)
        plan = self.request.plan
        case = measure(
            self.images,
            plan.recipe(split, strength),
            seed,
            self._undefended(seed),
            is_full=plan.is_full,
            voice=self.voice,
        )
        write_private(path, json.dumps(asdict(case), indent=2).encode())
        return case

    def _undefended(self, seed: int) -> Bipartite:
        """Return the network of a seed that was trained without a defence."""
        if seed not in self._plain:
            plan, supply = self.request.plan, Supply(images=self.images, voice=self.voice)
            recipe = plan.recipe(plan.splits[0], 0.0)
            self._plain[seed] = partitioned(recipe, self.images.geometry, seed, supply).network
        return self._plain[seed]


def _labelled(sample: Sample, seed: int) -> LabelledImages:
    names = sorted(set(sample.classes))
    if len(names) <= 1:
        raise UsageError(
            "a network is trained to tell classes apart, and this folder has fewer than two",
            remedy="put each class into a folder of its own",
        )
    labels = sample.labels(names, len(names))
    pixels = np.rint(np.moveaxis(sample.images, 1, -1) * PEAK).astype(np.uint8)
    return LabelledImages(pixels, labels, drawn_parts(labels, seed))


def _begin(request: PartitionRequest, images: LabelledImages) -> None:
    """Make the folder, or see that it is of this request and these images."""
    content = hashlib.sha256(images.stack.tobytes() + images.labels.tobytes()).hexdigest()
    asked = json.dumps({"plan": asdict(request.plan), "images": content}, sort_keys=True).encode()
    path = request.out / REQUEST
    if path.exists() and path.read_bytes() == asked:
        return
    if request.out.exists():
        raise UsageError(
            f"{request.out} exists, and is not of this sweep", remedy="name another with --out"
        )
    request.out.mkdir(mode=0o700, parents=True)
    write_private(path, asked)


def _read_case(path: Path) -> Case:
    found = json.loads(path.read_bytes())
    for guess in ("mean_image", "one_grey"):
        found[guess] = Scores(**found[guess])
    found["attackers"] = tuple(Attacked(**each) for each in found["attackers"])
    return Case(**found)
