"""Writing one shard: HDF5 metadata, then rows as they come, then the small columns.

    /images  [n,c,h,w]      /labels  [n] or [n,k]      /ids, /groups  [n] of 26 bytes

The file is written from its start to its end and hashed on the way, so images go to the disk
while the next batch is computed. Nothing but a `SanitizedBatch` is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpkit.release.aside import Sink, written_aside
from dpkit.release.hdf5_plan import Skeleton, plan_file
from dpkit.release.manifest_entries import Shard
from dpkit.release.shard_header import ShardHeader
from dpkit.types import SanitizedBatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["ShardHeader", "ShardLayout", "write_shard"]


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """Every byte of a shard but its rows: a pure function of header and row count."""

    header: ShardHeader
    rows: int
    skeleton: Skeleton

    @classmethod
    def plan(cls, header: ShardHeader, rows: int) -> ShardLayout:
        """Lay out a shard of `rows` rows, 1 or more."""
        if rows < 1:
            raise ValueError(f"a shard of {rows} rows cannot be written")
        return cls(header, rows, plan_file(header.attributes(), header.datasets(rows)))

    @property
    def size(self) -> int:
        """The bytes of the whole file."""
        return self.skeleton.size


def write_shard(
    path: Path, header: ShardHeader, rows: int, batches: Iterable[SanitizedBatch]
) -> Shard:
    """Write one shard and return its entry for the manifest.

    Parameters
    ----------
    path
        `…/data/PART-NNNNN-of-NNNNN.h5`; it appears only when it is whole and on disk.
    rows
        How many rows `batches` hold together, in their order in the release.

    Raises
    ------
    ValueError
        The batches hold another number of rows (nothing is left; call again with the right
        one), or rows of another type or shape than the header says.
    DpkitError
        The disk is full or refuses.
    """
    layout = ShardLayout.plan(header, rows)
    with written_aside(path, layout.size) as sink:
        _write_up_to(sink, layout, layout.skeleton.columns["images"].offset)
        small = _write_images(sink, layout, batches)
        for name in ("labels", "ids", "groups"):
            _write_up_to(sink, layout, layout.skeleton.columns[name].offset)
            sink.write(small[name].view(np.uint8).reshape(-1).data)
        _write_up_to(sink, layout, layout.size)
    return Shard(f"data/{path.name}", header.part, rows, layout.size, sink.sha256())


def _write_up_to(sink: Sink, layout: ShardLayout, offset: int) -> None:
    """Write the metadata that lie before `offset`, zeros between them."""
    for start, segment in sorted(layout.skeleton.segments.items()):
        if sink.position <= start < offset:
            sink.pad_to(start)
            sink.write(segment)
    sink.pad_to(offset)


def _write_images(
    sink: Sink, layout: ShardLayout, batches: Iterable[SanitizedBatch]
) -> dict[str, NDArray[Any]]:
    """Write all images, and return the small columns of all rows."""
    kinds = layout.header.datasets(layout.rows)
    kept: dict[str, list[NDArray[Any]]] = {"labels": [], "ids": [], "groups": []}
    written = 0
    for batch in batches:
        if not isinstance(batch, SanitizedBatch):
            raise TypeError(f"a shard takes SanitizedBatch only, not {type(batch).__name__}")
        written += len(batch)
        if written > layout.rows:
            raise ValueError(f"more rows came than the {layout.rows} announced")
        sink.write(_rows(batch.values, *kinds["images"]).reshape(-1).view(np.uint8).data)
        columns = {"labels": batch.targets, "ids": batch.ids, "groups": batch.groups}
        for name, column in columns.items():
            # a copy, since the caller may fill the same arrays again
            kept[name].append(_rows(column, *kinds[name]).copy())
    if written < layout.rows:
        raise ValueError(f"{written} rows came, {layout.rows} were announced")
    return {name: np.concatenate(columns) for name, columns in kept.items()}


def _rows(rows: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return rows as the file holds them; a copy only where they lie otherwise in memory."""
    if rows.dtype != dtype or rows.shape[1:] != shape[1:]:
        raise ValueError(f"rows are {rows.dtype} {rows.shape[1:]}, not {dtype} {shape[1:]}")
    return np.ascontiguousarray(rows)
