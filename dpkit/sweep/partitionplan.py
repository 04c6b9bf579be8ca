"""What a sweep of partitions is asked for: a case for every split point, λ and seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.nets.attackers import ATTACKERS
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.partition import MOST_STRENGTH, SPLITS, Partition
from dpkit.sweep.partitionnetworks import network_name
from dpkit.sweep.sharing import FOREVER
from dpkit.sweep.strengths import check_strengths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dpkit.training.partitioned import Recipe
    from dpkit.types import Json

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
        That a process may spend on the attackers that are still to be trained.
    retries_cut
        Whether attackers that an earlier budget cut are trained again, with the time there is.
    workers
        Processes, each with a network or with the attackers of a case.

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
    workers: int = 1

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

    def networks(self) -> Iterator[Where]:
        """Yield one case for each network that is to be trained, seed by seed."""
        seen = set()
        for split, strength, seed in self.cases():
            for weight in (0.0, strength):
                name = network_name(self.recipe(split, weight), seed)
                if name not in seen:
                    seen.add(name)
                    yield split, weight, seed

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
