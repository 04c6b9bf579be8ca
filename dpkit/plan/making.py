"""The plan: which image goes into which part, shard and row, and under which pseudonym.

A plan is a pure function of the scanned rows, the split, the data key's seed and the
release secret. Two secrets rule it:

    seed            ids, group pseudonyms and split: equal for every release under one data key,
                    so that a later batch agrees with an earlier one
    release secret  the order of the rows: file order would tell who came when

A **group** is what must not be torn apart: all images of one name in the provider's group
column, and all files with the same bytes. Groups that share a file are one group; its
pseudonym and its part follow from the smallest of their names. Where differential privacy is
promised (`Rows.by_content` is false), bytes decide nothing: a file without a name is a group.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np

from dpkit.errors import UsageError
from dpkit.rng import Stream, derive
from dpkit.types import ID_CHARACTERS, PARTS
from dpkit.types.plans import PlannedRows, PlannedShard, ReleasePlan, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dpkit.plan.company import Borders
    from dpkit.types import Part, Secret
    from dpkit.types.plans import Rows

PERCENT: Final = 100
_FRACTIONS: Final = re.compile(r"(\d{1,3})/(\d{1,3})/(\d{1,3})")
_SHOWN: Final = 5  # names in a refusal


@dataclass(frozen=True, slots=True)
class Split:
    """How rows fall into parts.

    Parameters
    ----------
    text
        `folders` (folders named train, val, test are parts), `none` (they are not),
        `80/10/10` (percent of train/validation/test, by keyed hash of the group), or the name
        of a column of the provider's table.

    Raises
    ------
    UsageError
        Three numbers do not add up to 100.
    """

    text: str = "folders"

    def __post_init__(self) -> None:
        if self.fractions and sum(self.fractions) != PERCENT:
            raise UsageError(
                f"--split {self.text} adds up to {sum(self.fractions)}, not to 100",
                remedy="give train/validation/test in percent, such as 80/10/10",
            )

    @property
    def fractions(self) -> tuple[int, int, int] | None:
        """Percent of each part, None where the provider's own parts (or none) hold."""
        match = _FRACTIONS.fullmatch(self.text)
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    @property
    def column(self) -> str | None:
        """The column of the provider's table that names the part, None where none does."""
        return None if self.fractions or self.text in ("folders", "none") else self.text

    def part_of(self, key: Secret, group: bytes) -> Part:
        """Return the part of a group: the same for ever under one data key."""
        fractions = self.fractions or (PERCENT, 0, 0)
        draw = int.from_bytes(hmac.digest(key.reveal(), group, "sha256")[:8], "big")
        place = draw * PERCENT >> 64
        below_train, below_validation = fractions[0], fractions[0] + fractions[1]
        return PARTS[(place >= below_train) + (place >= below_validation)]


def make_plan(
    rows: Rows, split: Split, seed: Secret, release: ReleaseName, borders: Borders
) -> ReleasePlan:
    """Order the rows, give pseudonyms and draw the shard borders.

    Raises
    ------
    UsageError
        The provider's own split tears a group, or a pair of equal files, apart; or a shard would
        not fit into memory.
    """
    groups = group_rows(rows)
    parts = _parts(rows, groups, split, derive(seed, "split"))
    order = Stream(derive(release.secret, "row order")).permutation(len(rows))
    shards, order = _deal(parts, order, rows.strata, borders)
    planned = PlannedRows(
        paths=rows.paths,
        sha256=rows.sha256,
        targets=rows.targets,
        ids=image_ids(rows.paths, rows.sha256, seed),
        groups=_pseudonyms(derive(seed, "group id"), groups.identities(), len(rows)),
        group_names=groups.names,
        kept=rows.kept,
        strata=rows.strata,
    )
    return ReleasePlan(
        release.release_id, release.created, release.secret, take(planned, order), shards
    )


@dataclass(frozen=True, slots=True)
class ReleaseName:
    """What is drawn once for a release and sealed: its id, its day and its secret."""

    release_id: str
    created: str
    secret: Secret


def image_ids(paths: Sequence[str], sha256: NDArray[np.uint8], seed: Secret) -> NDArray[np.bytes_]:
    """Return the ids S26 [n]: a keyed hash of path and content."""
    messages = (_sized(path) + digest.tobytes() for path, digest in zip(paths, sha256, strict=True))
    return _pseudonyms(derive(seed, "image id"), messages, len(paths))


@dataclass(frozen=True, slots=True)
class Groups:
    """Which rows must stay together.

    `index` int64 [n] is equal for rows of one group; `names` [n] what the provider calls it: its
    name in the table, or the first of the files with the same bytes. `digests` u8 [n,32] are
    what identifies a group that has no name of its own, else None.
    """

    index: NDArray[np.int64]
    names: tuple[str, ...]
    digests: NDArray[np.uint8] | None

    def identities(self) -> Iterator[bytes]:
        """Yield, row by row, what the group is known by in every batch."""
        if self.digests is None:
            return (_sized(name) for name in self.names)
        return (digest.tobytes() for digest in self.digests)


def group_rows(rows: Rows) -> Groups:
    """Put rows into groups: by the provider's names, and by equal bytes where these may tell."""
    each = np.arange(len(rows), dtype=np.int64)
    first_row, same_bytes = _equal_digests(rows.sha256) if rows.by_content else (each, each)
    if rows.groups is None:
        names = tuple(rows.paths[row] for row in first_row[same_bytes])
        return Groups(same_bytes, names, rows.sha256 if rows.by_content else None)
    smallest = {name: name for name in rows.groups}
    for name, first in zip(rows.groups, first_row[same_bytes], strict=True):
        _join(smallest, name, rows.groups[first])
    names = tuple(_root(smallest, name) for name in rows.groups)
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return Groups(np.array([number[name] for name in names], np.int64), names, None)


def part_indices(rows: Rows, split: Split, seed: Secret) -> NDArray[np.int64]:
    """Return the part of each row as its place in PARTS, int64 [n].

    Raises
    ------
    UsageError
        The provider's own split tears a group, or a pair of equal files, apart.
    """
    return _parts(rows, group_rows(rows), split, derive(seed, "split"))


def duplicates(rows: Rows) -> tuple[tuple[str, ...], ...]:
    """Return the sets of two and more files that hold the same bytes."""
    _, same_bytes = _equal_digests(rows.sha256)
    repeated = np.flatnonzero(np.bincount(same_bytes)[same_bytes] > 1)
    found: dict[int, list[str]] = {}
    for row in repeated:
        found.setdefault(int(same_bytes[row]), []).append(rows.paths[row])
    return tuple(tuple(paths) for paths in found.values())


def _equal_digests(sha256: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first row of each distinct digest, and for each row which digest it has."""
    digests = np.ascontiguousarray(sha256).view("V32").reshape(-1)
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)


def _parts(rows: Rows, groups: Groups, split: Split, key: Secret) -> NDArray[np.int64]:
    """Return the part of each row as its place in PARTS."""
    if rows.parts is None or split.fractions:
        drawn = (PARTS.index(split.part_of(key, group)) for group in groups.identities())
        return np.fromiter(drawn, np.int64, len(rows))
    parts = np.array([PARTS.index(part) for part in rows.parts], np.int64)
    first = np.zeros(len(rows), np.int64)
    first[groups.index[::-1]] = parts[::-1]  # the first row of a group is written last
    torn = np.flatnonzero(first[groups.index] != parts)
    if len(torn):
        _refuse_torn(rows, groups, int(torn[0]))
    return parts


def _refuse_torn(rows: Rows, groups: Groups, row: int) -> NoReturn:
    together = np.flatnonzero(groups.index == groups.index[row])
    parts = sorted({rows.parts[i] for i in together}) if rows.parts else []
    files = ", ".join(rows.paths[i] for i in together[:_SHOWN])
    what = "the group" if rows.groups is not None else "the file"
    raise UsageError(
        f"{what} {groups.names[row]!r} stands in the parts {' and '.join(parts)} (equal files "
        f"count as one group): {files}{' …' if len(together) > _SHOWN else ''}",
        remedy="move its files into one part, or let --split 80/10/10 or none decide",
    )


def _deal(
    parts: NDArray[np.int64],
    order: NDArray[np.int64],
    strata: NDArray[np.int64] | None,
    borders: Borders,
) -> tuple[tuple[PlannedShard, ...], NDArray[np.int64]]:
    """Return the shards, and the order of the rows by part, shard and secret."""
    shards: list[PlannedShard] = []
    ordered = []
    start = 0
    for index, part in enumerate(PARTS):
        rows = order[parts[order] == index]
        shard_of = borders.deal(None if strata is None else strata[rows], len(rows))
        ordered.append(rows[np.argsort(shard_of, kind="stable")])
        sizes = np.bincount(shard_of).tolist() if len(rows) else []
        for number, size in enumerate(sizes):
            shards.append(PlannedShard(part, number, len(sizes), start, start + size))
            start += size
    return tuple(shards), np.concatenate(ordered)


def _pseudonyms(key: Secret, messages: Iterable[bytes], count: int) -> NDArray[np.bytes_]:
    secret = key.reveal()
    names = np.empty(count, f"S{ID_CHARACTERS}")
    for row, message in enumerate(messages):
        digest = hmac.digest(secret, message, "sha256")
        names[row] = base64.b32encode(digest[:16])[:ID_CHARACTERS]
    return names


def _sized(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return len(data).to_bytes(4, "big") + data


def _root(smallest: dict[str, str], name: str) -> str:
    while smallest[name] != name:
        name = smallest[name]
    return name


def _join(smallest: dict[str, str], one: str, other: str) -> None:
    low, high = sorted((_root(smallest, one), _root(smallest, other)))
    smallest[high] = low
