"""Opening one shard: where each dataset lies, and the small columns themselves.

The images stay on the disk: `ShardColumns.images` says type, shape and offset, and `values`
maps them. No HDF5 library and no open handle is involved, so a process may fork.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.release.hdf5 import Column, Structure, read_structure
from dpkit.release.shard_header import ShardHeader

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.release.manifest import Manifest

_SMALL: Final = ("labels", "ids", "groups")


@dataclass(frozen=True, slots=True)
class ShardColumns:
    """One opened shard.

    `labels` int64 [n], uint8 [n,k] or float32 [n,k]; `ids`, `groups` S26 [n];
    `images` is where [n,c,h,w] lies in the file at `path`.
    """

    path: Path
    images: Column
    labels: NDArray[Any]
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.ids)

    def values(self) -> NDArray[Any]:
        """Map the released values [n,c,h,w], read-only."""
        images = self.images
        return np.memmap(self.path, images.dtype, "r", images.offset, images.shape)


def open_columns(path: Path, manifest: Manifest) -> ShardColumns:
    """Open one shard of a release as a stranger's file.

    Parameters
    ----------
    path
        The shard; its name finds its entry in the manifest.

    Raises
    ------
    IntegrityError
        The file is missing, no plain file, of another size, or its structure, types, shapes
        or attributes are not what the manifest says.
    """
    entries = [shard for shard in manifest.shards if shard.file == f"data/{path.name}"]
    if not entries:
        raise IntegrityError(f"{path.name}: not a shard of release {manifest.release_id}")
    shard = entries[0]
    header = ShardHeader.of(manifest, shard.part)
    try:
        with open_plain(path, shard.bytes) as file:
            structure = read_structure(file, shard.bytes)
            _compare(structure, header, shard.rows)
            small = {name: _read(file, structure.columns[name]) for name in _SMALL}
    except IntegrityError as error:
        raise IntegrityError(f"{shard.file}: {error}") from error
    return ShardColumns(path, structure.columns["images"], **small)


def open_plain(path: Path, size: int) -> IO[bytes]:
    """Open a plain file of `size` bytes; a link, a pipe or another size is refused."""
    try:
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_size == size:
            return path.open("rb")
    except OSError as error:
        raise IntegrityError(f"cannot be opened ({error.strerror})") from error
    raise IntegrityError(f"no plain file of {size} bytes")


def _compare(structure: Structure, header: ShardHeader, rows: int) -> None:
    if structure.attributes != header.attributes():
        raise IntegrityError(f"its attributes {structure.attributes} are not the manifest's")
    expected = header.datasets(rows)
    if structure.columns.keys() != expected.keys():
        raise IntegrityError(f"it holds {', '.join(sorted(structure.columns))}")
    for name, (dtype, shape) in expected.items():
        column = structure.columns[name]
        if (column.dtype, column.shape) != (dtype, shape):
            raise IntegrityError(
                f"/{name} is {column.dtype} {column.shape}, the manifest says {dtype} {shape}"
            )


def _read(file: IO[bytes], column: Column) -> NDArray[Any]:
    file.seek(column.offset)
    content = file.read(column.bytes)
    if len(content) != column.bytes:
        raise IntegrityError("it grows shorter while it is read")
    return np.frombuffer(content, column.dtype).reshape(column.shape)
