"""What will be released: private columns, in the order of the shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.types.images import Part
    from dpkit.types.secret import Secret


@dataclass(frozen=True, slots=True)
class Rows:
    """Private columns, one entry an image.

    `sha256` u8 [n,32] of the file; `targets` as in `ImageBatch`; `groups` the provider's names,
    `parts` the provider's own split, each None where the provider gave none; `kept` the columns
    of the provider's table that may travel; `strata` int64 [n] the label that a row may be mixed
    with, None for sanitizers that treat each image by itself; `by_content` whether files with the
    same bytes are one group, which tells that they are equal.
    """

    paths: tuple[str, ...]
    sha256: NDArray[np.uint8]
    targets: NDArray[Any]
    groups: tuple[str, ...] | None
    parts: tuple[Part, ...] | None
    kept: Mapping[str, tuple[str, ...]]
    strata: NDArray[np.int64] | None = None
    by_content: bool = True

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class PlannedRows:
    """The rows of one shard, as the plan seals them; `ids` and `groups` S26 [n]."""

    paths: tuple[str, ...]
    sha256: NDArray[np.uint8]
    targets: NDArray[Any]
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]
    group_names: tuple[str, ...]
    kept: Mapping[str, tuple[str, ...]]
    strata: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """One shard: its part, its place among the part's shards, its rows start … stop of the plan."""

    part: Part
    number: int
    of: int
    start: int
    stop: int

    @property
    def file(self) -> str:
        """The shard's file, relative to the release."""
        return f"data/{self.part}-{self.number:05d}-of-{self.of:05d}.h5"


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """Every row of a release in its secret order, cut into shards; private.

    `secret` orders the rows and feeds draws that must differ between releases.
    """

    release_id: str
    created: str
    secret: Secret
    rows: PlannedRows
    shards: tuple[PlannedShard, ...]

    def rows_of(self, shard: PlannedShard) -> PlannedRows:
        """Return the rows of one shard."""
        return take(self.rows, slice(shard.start, shard.stop))


def keep(rows: Rows, mask: NDArray[np.bool_]) -> Rows:
    """Return the rows where the mask [n] is true."""
    where = mask.nonzero()[0]
    return Rows(
        paths=_pick(rows.paths, where),
        sha256=rows.sha256[where],
        targets=rows.targets[where],
        groups=None if rows.groups is None else _pick(rows.groups, where),
        parts=None if rows.parts is None else tuple(rows.parts[i] for i in where),
        kept={name: _pick(column, where) for name, column in rows.kept.items()},
        strata=None if rows.strata is None else rows.strata[where],
        by_content=rows.by_content,
    )


def take(rows: PlannedRows, where: slice | NDArray[np.intp]) -> PlannedRows:
    """Return some rows of a plan, by slice or by index."""
    return PlannedRows(
        paths=_pick(rows.paths, where),
        sha256=rows.sha256[where],
        targets=rows.targets[where],
        ids=rows.ids[where],
        groups=rows.groups[where],
        group_names=_pick(rows.group_names, where),
        kept={name: _pick(column, where) for name, column in rows.kept.items()},
        strata=None if rows.strata is None else rows.strata[where],
    )


def _pick(column: tuple[str, ...], where: slice | NDArray[np.intp]) -> tuple[str, ...]:
    return column[where] if isinstance(where, slice) else tuple(column[i] for i in where)
