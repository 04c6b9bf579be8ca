"""One pass over every file of a folder: digest, header, label, part and group, as columns.

The bytes of a file are read once; what is no readable image is listed as bad and the scan
goes on. The result is private: it holds names.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import DpkitError, UnreadableImageError, UsageError
from dpkit.readers.files import read_bytes
from dpkit.readers.formats import read_header
from dpkit.readers.listing import list_files, source_folder
from dpkit.readers.matching import listed
from dpkit.readers.statements import Statements, read_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.readers.labels import LabelTable
    from dpkit.readers.listing import Listing
    from dpkit.types import Part, Task

_CHUNK: Final = 64  # files a thread takes at once


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What the user said of the folder; `folders_are_parts` is false for `--split none`."""

    table: LabelTable | None = None
    folders_are_parts: bool = True


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that cannot be released, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """What a folder holds, one row a readable image, sorted by path; private.

    Parameters
    ----------
    paths
        Relative to `root`, with slashes.
    sha256
        uint8 [n,32].
    sizes
        int32 [n,2], height and width, upright.
    channels, depths
        uint8 [n], as each file says: 1 or 3, 8 or 16.
    labels
        Raw, one tuple of strings a row, by `label_names`; None for task none.
    parts, groups
        By row, where folders or the table give them.
    kept
        Further columns by name.
    bad, skipped, notices
        What cannot be read, how many names were no images', what the provider should know.
    label_sep
        What separates the labels within a cell, if anything does.
    strata
        By row, within what it is mixed, where the table gives it.
    """

    root: Path
    paths: tuple[str, ...]
    sha256: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    channels: NDArray[np.uint8]
    depths: NDArray[np.uint8]
    task: Task
    labels: tuple[tuple[str, ...], ...] | None
    label_names: tuple[str, ...]
    parts: tuple[Part, ...] | None
    groups: tuple[str, ...] | None
    kept: Mapping[str, tuple[str, ...]]
    bad: tuple[BadFile, ...]
    skipped: int
    notices: tuple[str, ...]
    label_sep: str | None = None
    strata: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Columns:
    """What the files say, filled row by row; `readable` bool [n]."""

    sha256: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    channels: NDArray[np.uint8]
    depths: NDArray[np.uint8]
    readable: NDArray[np.bool_]

    @classmethod
    def of(cls, n: int) -> _Columns:
        return cls(
            np.zeros((n, 32), np.uint8),
            np.zeros((n, 2), np.int32),
            np.zeros(n, np.uint8),
            np.zeros(n, np.uint8),
            np.zeros(n, np.bool_),
        )


def scan(
    root: Path,
    options: ScanOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> Scan:
    """Read every file of `root` once and return what there is.

    Parameters
    ----------
    progress
        Called with (files done, files in all), from the calling thread.
    workers
        Threads that read and hash.

    Raises
    ------
    UsageError
        No such folder, no image in it, or a table or layout that cannot be understood.
    DpkitError
        There are files, and not one is a readable image.
    """
    folder = source_folder(root)
    table = options.table
    listing = list_files(folder, [table.path] if table else [])
    if not listing.paths:
        raise UsageError(f"no image in {root}", remedy="see docs/reading.md for what is read")
    said = read_statements(listing.paths, table, folders_are_parts=options.folders_are_parts)
    columns, unreadable = _inspect(str(folder), said.paths, progress, workers)
    bad = sorted({**dict(listing.special), **said.bad, **unreadable}.items())
    if not columns.readable.any():
        path, reason = bad[0]
        raise DpkitError(f"none of {len(bad)} files is a readable image; {path}: {reason}")
    bad_files = tuple(BadFile(path, reason) for path, reason in bad)
    return _assemble(folder, said, columns, bad_files, listing)


def _inspect(
    root: str,
    paths: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
    workers: int,
) -> tuple[_Columns, dict[str, str]]:
    """Fill the columns of all files, and return why some are bad."""
    columns, bad = _Columns.of(len(paths)), {}
    starts = range(0, len(paths), _CHUNK)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        chunks = pool.map(lambda start: _inspect_chunk(root, paths, start, columns), starts)
        for start, reasons in zip(starts, chunks, strict=True):
            bad.update(reasons)
            if progress is not None:
                progress(min(start + _CHUNK, len(paths)), len(paths))
    return columns, bad


def _inspect_chunk(
    root: str, paths: tuple[str, ...], start: int, columns: _Columns
) -> dict[str, str]:
    bad = {}
    for row, path in enumerate(paths[start : start + _CHUNK], start=start):
        try:
            _inspect_file(root, path, row, columns)
        except UnreadableImageError as error:
            bad[path] = str(error)
    return bad


def _inspect_file(root: str, path: str, row: int, columns: _Columns) -> None:
    content = read_bytes(root, path)
    header = read_header(content)
    columns.sha256[row] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
    columns.sizes[row] = (header.height, header.width)
    columns.channels[row] = header.channels
    columns.depths[row] = header.depth
    columns.readable[row] = True


def _assemble(
    root: Path, said: Statements, columns: _Columns, bad: tuple[BadFile, ...], listing: Listing
) -> Scan:
    """Leave out the rows that are not readable."""
    said, kept = said.take(columns.readable), columns.readable
    links = listed(listing.outside, "links lead to folders or nowhere, or leave the source")
    return Scan(
        root=root,
        paths=said.paths,
        sha256=columns.sha256[kept],
        sizes=columns.sizes[kept],
        channels=columns.channels[kept],
        depths=columns.depths[kept],
        task=said.task,
        labels=said.labels,
        label_names=said.label_names,
        parts=said.parts,
        groups=said.groups,
        kept=said.kept,
        bad=bad,
        skipped=listing.skipped,
        notices=tuple(notice for notice in (links, *said.notices) if notice),
        label_sep=said.label_sep,
        strata=said.strata,
    )
