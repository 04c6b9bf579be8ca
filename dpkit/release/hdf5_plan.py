"""The HDF5 metadata of a shard, made in memory before any row exists.

The HDF5 library never sees the final file. It writes a file of the right shape into
`_Memory`, which keeps only the metadata that the library writes: the datasets are contiguous,
allocated early and never filled, so their bytes are never touched. What comes out are
segments of metadata and the offset of each dataset; the rows are then put there by us.

Every block starts at a multiple of 4096 bytes, so that a row can be mapped and no small
dataset slips in before `/images`; objects follow the 1.8 file format without time stamps, so
the same plan gives the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5fd, h5p, h5s, h5t

from dpkit.release.hdf5 import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIGNMENT: Final = 4096  # a page; also what most disks write at once


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Metadata segments by offset, and the datasets between them."""

    segments: Mapping[int, bytes]
    columns: Mapping[str, Column]
    size: int


def plan_file(
    attributes: Mapping[str, str],
    datasets: Mapping[str, tuple[np.dtype[np.generic], tuple[int, ...]]],
) -> Skeleton:
    """Lay out one file with root attributes and contiguous datasets, in the order given."""
    memory = _Memory()
    creation = h5p.create(h5p.FILE_CREATE)
    creation.set_obj_track_times(False)
    identifier = h5f.create(b"shard", h5f.ACC_TRUNC, creation, _access(memory))
    with h5py.File(identifier):
        for name, text in attributes.items():
            _write_attribute(identifier, name, text)
        columns = {
            name: Column(dtype, shape, _create_dataset(identifier, name, dtype, shape))
            for name, (dtype, shape) in datasets.items()
        }
    return Skeleton(memory.segments, columns, memory.end)


def _access(memory: _Memory) -> h5p.PropFAID:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_V18)
    access.set_alignment(1, ALIGNMENT)
    access.set_fileobj_driver(h5fd.fileobj_driver, memory)
    return access


def _write_attribute(identifier: h5f.FileID, name: str, text: str) -> None:
    value = np.array(text.encode("ascii"))
    kind = h5t.py_create(value.dtype)
    h5a.create(identifier, name.encode("ascii"), kind, h5s.create(h5s.SCALAR)).write(value)


def _create_dataset(
    identifier: h5f.FileID, name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]
) -> int:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_layout(h5d.CONTIGUOUS)
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    creation.set_obj_track_times(False)
    space = h5s.create_simple(shape)
    dataset = h5d.create(identifier, name.encode("ascii"), h5t.py_create(dtype), space, creation)
    return int(dataset.get_offset())


class _Memory(io.RawIOBase):
    """A file of any size that remembers what was written and reads zeros elsewhere."""

    def __init__(self) -> None:
        self.segments: dict[int, bytes] = {}
        self.end = 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.end}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def truncate(self, size: int | None = None) -> int:
        self.end = self._position if size is None else size
        return self.end

    def write(self, content: bytes | memoryview) -> int:  # type: ignore[override]  # narrower than the typeshed's buffer
        self.segments[self._position] = bytes(content)
        self._position += len(content)
        self.end = max(self.end, self._position)
        return len(content)
