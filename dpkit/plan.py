"""The plan: which image goes into which part, shard and row, and under which pseudonym.

A plan is a pure function of the scanned rows, the split, the data key's seed and the
release secret. Two secrets rule it:

    seed            ids, group pseudonyms and split: equal for every release under one data key,
                    so that a later batch agrees with an earlier one
    release secret  the order of the rows: file order would tell who came when

A **group** is what must not be torn apart: all images of one name in the provider's group
column, and all files with the same bytes. Groups that share a file are one group; its
pseudonym and its part follow from the smallest of their names.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.rng import Stream, derive
from dpkit.types import PARTS
from dpkit.types.plans import PlannedRows, PlannedShard, ReleasePlan, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
    fractions
        Percent of train, validation and test, by keyed hash of the group; None where the
        provider's own parts hold, or where all is train.
    """

    fractions: tuple[int, int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> Split | None:
        """Read `80/10/10`; None where `text` has another form (a column, `folders`, `none`).

        Raises
        ------
        UsageError
            The three numbers do not add up to 100.
        """
        match = _FRACTIONS.fullmatch(text)
        if match is None:
            return None
        train, validation, test = (int(number) for number in match.groups())
        if train + validation + test != PERCENT:
            raise UsageError(
                f"--split {text} adds up to {train + validation + test}, not to 100",
                remedy="give train/validation/test in percent, such as 80/10/10",
            )
        return cls((train, validation, test))

    def part_of(self, key: Secret, group: bytes) -> Part:
        """Return the part of a group: the same for ever under one data key."""
        fractions = self.fractions or (PERCENT, 0, 0)
        draw = int.from_bytes(hmac.digest(key.reveal(), group, "sha256")[:8], "big")
        place = draw * PERCENT >> 64
        below_train, below_validation = fractions[0], fractions[0] + fractions[1]
        return PARTS[(place >= below_train) + (place >= below_validation)]


def make_plan(
    rows: Rows, split: Split, seed: Secret, release: ReleaseName, rows_per_shard: int
) -> ReleasePlan:
    """Order the rows, give pseudonyms and draw the shard borders.

    Raises
    ------
    UsageError
        The provider's own split tears a group, or a pair of equal files, apart.
    """
    names = group_names(rows)
    parts = _parts(rows, names, split, derive(seed, "split"))
    order = Stream(derive(release.secret, "row order")).permutation(len(rows))
    order = order[np.argsort([PARTS.index(parts[i]) for i in order], kind="stable")]
    planned = PlannedRows(
        paths=rows.paths,
        sha256=rows.sha256,
        targets=rows.targets,
        ids=image_ids(rows.paths, rows.sha256, seed),
        groups=group_ids(names, seed),
        group_names=names,
        kept=rows.kept,
    )
    shards = _borders([sum(p == part for p in parts) for part in PARTS], rows_per_shard)
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
    key = derive(seed, "image id")
    return _pseudonyms(key, [_sized(p) + d.tobytes() for p, d in zip(paths, sha256, strict=True)])


def group_ids(names: Sequence[str], seed: Secret) -> NDArray[np.bytes_]:
    """Return the group pseudonyms S26 [n] of group names."""
    return _pseudonyms(derive(seed, "group id"), [_sized(name) for name in names])


def group_names(rows: Rows) -> tuple[str, ...]:
    """Return the name of each row's group: equal for rows that must stay together.

    Where the provider names no groups, a group is named by the digest of its file.
    """
    digests = [row.tobytes() for row in rows.sha256]
    if rows.groups is None:
        return tuple(f"sha256:{digest.hex()}" for digest in digests)
    smallest = {name: name for name in rows.groups}
    first_group: dict[bytes, str] = {}
    for name, digest in zip(rows.groups, digests, strict=True):
        _join(smallest, name, first_group.setdefault(digest, name))
    return tuple(_root(smallest, name) for name in rows.groups)


def duplicates(rows: Rows) -> tuple[tuple[str, ...], ...]:
    """Return the sets of two and more files that hold the same bytes."""
    found: dict[bytes, list[str]] = {}
    for path, digest in zip(rows.paths, rows.sha256, strict=True):
        found.setdefault(digest.tobytes(), []).append(path)
    return tuple(tuple(paths) for paths in found.values() if len(paths) > 1)


def _parts(rows: Rows, names: tuple[str, ...], split: Split, key: Secret) -> list[Part]:
    if rows.parts is None:
        part_of = {name: split.part_of(key, name.encode()) for name in set(names)}
        return [part_of[name] for name in names]
    part_of = {}
    for name, part, path in zip(names, rows.parts, rows.paths, strict=True):
        if part_of.setdefault(name, part) != part:
            torn = f"group {name!r}" if rows.groups is not None else f"the file {path!r}"
            raise UsageError(
                f"{torn} stands in the parts {part_of[name]} and {part} (equal files count as "
                f"one group): {_files_of(name, names, rows.paths)}",
                remedy="move its files into one part, or let --split 80/10/10 or none decide",
            )
    return list(rows.parts)


def _files_of(name: str, names: tuple[str, ...], paths: tuple[str, ...]) -> str:
    files = [path for path, group in zip(paths, names, strict=True) if group == name]
    return ", ".join(files[:_SHOWN]) + (" …" if len(files) > _SHOWN else "")


def _borders(counts: Sequence[int], rows_per_shard: int) -> tuple[PlannedShard, ...]:
    shards: list[PlannedShard] = []
    first = 0
    for part, count in zip(PARTS, counts, strict=True):
        of = -(-count // rows_per_shard)
        for number in range(of):
            start = first + number * rows_per_shard
            stop = min(start + rows_per_shard, first + count)
            shards.append(PlannedShard(part, number, of, start, stop))
        first += count
    return tuple(shards)


def _pseudonyms(key: Secret, messages: Sequence[bytes]) -> NDArray[np.bytes_]:
    secret = key.reveal()
    texts = [
        base64.b32encode(hmac.digest(secret, message, "sha256")[:16])[:26] for message in messages
    ]
    return np.array(texts, dtype="S26")


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
