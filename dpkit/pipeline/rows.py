"""Released rows by number, over all shards: what stands in the file, and its original."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import DpkitError, UnreadableImageError
from dpkit.release.read import Release
from dpkit.types.plans import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dpkit.keystore.plans import SealedPlan
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.scores import ShardScores
    from dpkit.release.manifest import Manifest
    from dpkit.release.manifest_entries import Shard
    from dpkit.types import ImageSource, Part, PlannedRows


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
class Written:
    """A shard that is written, and a function that opens its planned rows, as they stand in it."""

    shard: Shard
    rows: Callable[[], PlannedRows]


def written_of(release: Release, plan: SealedPlan) -> list[Written]:
    """Return the shards of a published release, with their planned rows as they stand in them."""
    numbers = {shard.file: number for number, shard in enumerate(plan.shards)}
    return [
        Written(shard, partial(_rows_of, release, plan, shard, numbers[shard.file]))
        for shard in release.shards()
    ]


def _rows_of(release: Release, plan: SealedPlan, shard: Shard, number: int) -> PlannedRows:
    planned = plan.rows_of(number)
    place = {name: row for row, name in enumerate(planned.ids.tolist())}
    ids = release.columns(shard).ids.tolist()
    return take(planned, np.array([place[name] for name in ids], np.int64))


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows: their numbers [n], paths, originals [n,h,w,c], released values [n,c,h,w].

    `targets` [n] or [n,k] and `groups` S26 [n] as released.
    """

    numbers: NDArray[np.int64]
    paths: tuple[str, ...]
    originals: NDArray[Any]
    values: NDArray[Any]
    targets: NDArray[Any]
    groups: NDArray[np.bytes_]


class ReleasedRows:
    """The rows of a written release, numbered through its shards.

    Parameters
    ----------
    release
        It, or the one that grows.
    source
        Where its originals are.
    written
        Its shards that hold a row, in order.
    """

    def __init__(self, release: Release, source: ImageSource, written: Sequence[Written]) -> None:
        self._release = release
        self._source = source
        self._written = written
        self._ends = np.cumsum([one.shard.rows for one in written])

    @classmethod
    def of_run(cls, run: Run, finished: Sequence[Finished], manifest: Manifest) -> ReleasedRows:
        """Return the rows of a release that grows."""
        written = [Written(one.shard, partial(one.rows, run)) for one in finished if one.shard.rows]
        return cls(Release(run.output.partial, manifest), run.source, written)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def numbers(self, *, without: Iterable[Part] = ()) -> NDArray[np.int64]:
        """Return the numbers of all rows, but for those of some parts."""
        left_out = set(without)
        spans = zip(self._ends, self._written, strict=True)
        return np.concatenate(
            [np.empty(0, np.int64)]
            + [
                np.arange(end - one.shard.rows, end)
                for end, one in spans
                if one.shard.part not in left_out
            ]
        )

    def paths(self) -> Iterator[str]:
        """Yield the original path of every row, in order."""
        for one in self._written:
            yield from one.rows().paths

    def values(
        self, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bytes_]]:
        """Return released values [n,c,h,w], targets and groups of rows, by ascending number."""
        found = []
        for which, here in self._by_shard(np.sort(numbers)):
            columns = self._release.columns(self._written[which].shard)
            some = np.asarray(columns.values()[here]), columns.labels[here], columns.groups[here]
            found.append(some)
        values, targets, groups = zip(*found, strict=True)
        return np.concatenate(values), np.concatenate(targets), np.concatenate(groups)

    def read(self, numbers: NDArray[np.int64]) -> Sample:
        """Read some rows and decode their originals; a file that is gone by now is left out."""
        kept, paths, originals, values, targets, groups = [], [], [], [], [], []
        for which, here in self._by_shard(numbers):
            one = self._written[which]
            rows = take(one.rows(), here)
            released = self._release.columns(one.shard).values()
            first = int(self._ends[which]) - one.shard.rows
            for i, (row, path) in enumerate(zip(here, rows.paths, strict=True)):
                try:
                    originals.append(self._source.decode(path, rows.sha256[i].tobytes()))
                except UnreadableImageError:
                    continue
                kept.append(first + row)
                paths.append(path)
                values.append(np.array(released[row]))
                targets.append(rows.targets[i])
                groups.append(rows.groups[i])
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
            np.stack(targets)[order],
            np.array(groups)[order],
        )

    def digests(self, numbers: NDArray[np.int64]) -> list[bytes]:
        """Return the SHA-256 of the original files of rows."""
        found: dict[int, bytes] = {}
        for which, here in self._by_shard(numbers):
            first = int(self._ends[which]) - self._written[which].shard.rows
            sha256 = self._written[which].rows().sha256
            found |= {first + int(row): sha256[row].tobytes() for row in here}
        return [found[int(number)] for number in numbers]

    def _by_shard(self, numbers: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield each shard that holds some of the rows, and their places in it."""
        for which in np.unique(np.searchsorted(self._ends, numbers, side="right")):
            first = int(self._ends[which]) - self._written[which].shard.rows
            here = numbers[(numbers >= first) & (numbers < self._ends[which])]
            yield int(which), here - first
