"""The last look before publishing: nothing of the provider's may stand in the release.

`search` looks at every byte of every file for paths, stems and keys (`needles` says in which
spellings, `haystack` where they count); `row_tag` and `unchanged_rows` tell which released rows
still are their own original.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.release.haystack import Haystack
from dpkit.release.hdf5 import read_structure
from dpkit.release.needles import LONGEST, Kind, Needles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.types import Secret

SAMPLE: Final = 1024  # values of a row that enter its tag
TAG_BYTES: Final = 16
MAX_FINDINGS: Final = 100  # of one file; more say nothing new
_BLOCK: Final = 1 << 20  # 1 MiB


@dataclass(frozen=True, slots=True)
class Finding:
    """A needle that stands in a file; `text` is private, and empty for a key."""

    file: str
    offset: int
    kind: Kind
    form: str
    text: str = field(repr=False)


def search(folder: Path, needles: Needles, workers: int = 1) -> tuple[Finding, ...]:
    """Look for needles in every byte of every file below `folder`.

    Returns the findings by file and offset, at most 100 of each file.
    """
    haystack = Haystack(needles.spellings())
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda path: _search_file(path, folder, haystack), files)
        return tuple(finding for findings in found for finding in findings)


def row_tag(secret: Secret, row: NDArray[Any]) -> bytes:
    """Return the keyed hash (16 bytes) of one row as it would stand in a shard.

    At most 1024 values, evenly strided over the row, enter it, with their type.
    """
    values = row.reshape(-1)
    sample = np.ascontiguousarray(values[:: -(-len(values) // SAMPLE)])
    little = sample.astype(sample.dtype.newbyteorder("<"), copy=False)
    tag = hashlib.blake2b(key=secret.reveal(), digest_size=TAG_BYTES, person=b"dpkit row")
    tag.update(little.dtype.str.encode())
    tag.update(little.tobytes())
    return tag.digest()


def unchanged_rows(
    values: NDArray[Any], tags: NDArray[np.uint8], secret: Secret
) -> NDArray[np.int64]:
    """Return which rows of values [n,c,h,w] still carry the tag [n,16] of their own original.

    `values` are read back from the disk; the tags were taken in memory, of the originals in
    the release's layout and type.
    """
    released = [row_tag(secret, row) for row in values]
    same = [now == then.tobytes() for now, then in zip(released, tags, strict=True)]
    return np.flatnonzero(same)


def _search_file(path: Path, folder: Path, haystack: Haystack) -> list[Finding]:
    name = path.relative_to(folder).as_posix()
    found = []
    with path.open("rb") as file:
        size = path.stat().st_size
        for start, stop, payload in _regions(file, path.suffix, size):
            for finding in _search_region(file, range(start, stop), payload, haystack):
                found.append(Finding(name, *finding))
                if len(found) == MAX_FINDINGS:
                    return found
    return found


def _regions(file: IO[bytes], suffix: str, size: int) -> list[tuple[int, int, bool]]:
    """Return start and stop of each stretch of a file, and whether it is image payload."""
    if suffix != ".h5":
        return [(0, size, False)]
    try:
        images = read_structure(file, size).columns["images"]
    except (IntegrityError, KeyError):
        return [(0, size, False)]  # no shard: every needle is looked for in all of it
    stop = images.offset + images.bytes
    return [(0, images.offset, False), (images.offset, stop, True), (stop, size, False)]


def _search_region(
    file: IO[bytes], region: range, payload: bool, haystack: Haystack
) -> Iterator[tuple[int, Kind, str, str]]:
    """Yield offset, kind, form and text of what ends within a region, block by block."""
    for begin in region[::_BLOCK]:
        end = min(begin + _BLOCK, region.stop)
        before = max(begin - LONGEST - 1, 0)  # a needle may begin in the block before
        file.seek(before)
        hay = file.read(end + 2 - before)
        for start, stop, kind, form in haystack.find(
            hay, begin - before, end - before, payload=payload
        ):
            text = "" if kind == "key" else hay[start:stop].decode("utf-8", "replace")
            yield before + start, kind, form, text
