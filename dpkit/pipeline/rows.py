"""Released rows by number, over all shards: what stands in the file, and its original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import DpkitError, UnreadableImageError
from dpkit.release.read import Release
from dpkit.types.plans import take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.scores import ShardScores
    from dpkit.release.manifest import Manifest, Shard
    from dpkit.types import PlannedRows


@dataclass(frozen=True, slots=True)
class Finished:
    """A shard that is written: its place in the plan, its file, its scores."""

    number: int
    shard: Shard
    scores: ShardScores

    def rows(self, run: Run) -> PlannedRows:
        """Return its planned rows, without those that left it."""
        return take(run.plan.rows_of(self.number), np.flatnonzero(self.scores.good))


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows: their numbers [n], paths, originals [n,h,w,c] and released values [n,c,h,w]."""

    numbers: NDArray[np.int64]
    paths: tuple[str, ...]
    originals: NDArray[Any]
    values: NDArray[Any]


class ReleasedRows:
    """The rows of a written release, numbered through its shards.

    Parameters
    ----------
    manifest
        Of the release that grows in `run.output.partial`.
    """

    def __init__(self, run: Run, finished: Sequence[Finished], manifest: Manifest) -> None:
        self._run = run
        self._finished = [one for one in finished if one.shard.rows]
        self._ends = np.cumsum([one.shard.rows for one in self._finished])
        self._release = Release(run.output.partial, manifest)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def paths(self) -> Iterator[str]:
        """Yield the original path of every row, in order."""
        for one in self._finished:
            yield from one.rows(self._run).paths

    def read(self, numbers: NDArray[np.int64]) -> Sample:
        """Read some rows and decode their originals; a file that is gone by now is left out."""
        kept, paths, originals, values = [], [], [], []
        for which in np.unique(np.searchsorted(self._ends, numbers, side="right")):
            one = self._finished[which]
            first = int(self._ends[which]) - one.shard.rows
            here = numbers[(numbers >= first) & (numbers < self._ends[which])]
            rows = take(one.rows(self._run), here - first)
            released = self._release.columns(one.shard).values()
            for number, path, digest in zip(here, rows.paths, rows.sha256, strict=True):
                try:
                    originals.append(self._run.source.decode(path, digest.tobytes()))
                except UnreadableImageError:
                    continue
                kept.append(number)
                paths.append(path)
                values.append(np.array(released[number - first]))
        if not kept:
            raise DpkitError(
                "none of the originals that the report measures can be read any more",
                remedy="give the command the folder as it was when the release began",
            )
        order = np.argsort([np.flatnonzero(numbers == number)[0] for number in kept])
        return Sample(
            np.array(kept, np.int64)[order],
            tuple(paths[i] for i in order),
            np.stack(originals)[order],
            np.stack(values)[order],
        )
