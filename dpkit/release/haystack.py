r"""Which needles stand in a block of bytes, with a hundred thousand needles in little memory.

A needle is kept as three numbers (its last 6 bytes, its length, a 64-bit hash of the whole), 19
bytes in all. The kernel finds where the last bytes stand; the hash of what stands before them
decides. A wrong answer costs two needles of one hash: 1 in 2**64 of the places looked at.

Where a needle counts
    10 bytes or more   anywhere
    6 to 9 bytes       outside the image payload, and as a whole word: no letter or digit on
                       either side; one of digits only must also look like a name (`/`, `\`, a
                       quote, `_` or `-` before, or `_`, `-` or an ending such as `.png` behind)
Why: among a thousand million random bytes a given needle of 6 stands by chance with
probability 4e-6, times 100,000 needles and their cases that is 0.4 to 20 false alarms; of 10
bytes it is below 1e-7. Digests, ids and encoded pictures are runs of letters and digits and
hold short words by chance; a number in a table is no name. (An id or a group that is no 26
characters of base32 is refused by `verify`.)
"""

from __future__ import annotations

import hashlib
import re
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.kernels.search import WINDOW, find_ends, tables
from dpkit.release.needles import Kind, Spelling, folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

LEAST_ANYWHERE: Final = 10  # bytes
_NAME_BEFORE: Final = re.compile(rb"[/\\\"'_-]")
_NAME_BEHIND: Final = re.compile(rb"[_-]|\.[a-z]")


class Haystack:
    """The needles of one release, ready to be looked for in any number of blocks."""

    def __init__(self, spellings: Iterable[Spelling]) -> None:
        self._forms: list[tuple[Kind, str]] = []
        windows, lengths, hashes, forms = array("Q"), array("H"), array("Q"), array("B")
        for spelling in spellings:
            windows.append(_window(spelling.content))
            lengths.append(len(spelling.content))
            hashes.append(_hash(spelling.content, exact=spelling.exact))
            forms.append(self._form(spelling))
        order = np.argsort(windows)
        self._windows: NDArray[np.uint64] = np.asarray(windows, np.uint64)[order]
        self._lengths: NDArray[np.uint16] = np.asarray(lengths, np.uint16)[order]
        by_hash = np.argsort(hashes, kind="stable")
        self._hashes: NDArray[np.uint64] = np.asarray(hashes, np.uint64)[by_hash]
        self._form_of: NDArray[np.uint8] = np.asarray(forms, np.uint8)[by_hash]
        self.longest = int(self._lengths.max(initial=0))
        self._any = tables(self._windows)
        self._long = tables(self._windows[self._lengths >= LEAST_ANYWHERE])
        self._lengths_of = lru_cache(1024)(self._lengths_at)

    def find(
        self, hay: bytes, context: int, end: int, *, payload: bool
    ) -> Iterator[tuple[int, int, Kind, str]]:
        """Yield start, stop, kind and form of the needles that end in hay[context:end].

        `hay` reaches some bytes beyond `end` where the file does, for the look behind a word;
        in a payload only needles of 10 bytes and more count.
        """
        first = max(context - self.longest, 0)
        view = np.frombuffer(hay, np.uint8)[first:end]
        ends = np.empty(len(view) + 1, np.int64)
        count = find_ends(view, *(self._long if payload else self._any), ends)
        for stop in (ends[:count] + first).tolist():
            if stop > context:
                yield from self._match(hay, stop, payload=payload)

    def _match(
        self, hay: bytes, stop: int, *, payload: bool
    ) -> Iterator[tuple[int, int, Kind, str]]:
        for length in self._lengths_of(_window(hay[stop - WINDOW : stop])):
            start = stop - length
            if start < 0 or (
                length < LEAST_ANYWHERE and (payload or not _is_name(hay, start, stop))
            ):
                continue
            for exact in (True, False):
                content = hay[start:stop] if exact else folded(hay[start:stop])
                form = self._lookup(_hash(content, exact=exact))
                if form is not None:
                    yield start, stop, *form

    def _lookup(self, wanted: int) -> tuple[Kind, str] | None:
        place = int(np.searchsorted(self._hashes, np.uint64(wanted)))
        if place == len(self._hashes) or int(self._hashes[place]) != wanted:
            return None
        return self._forms[int(self._form_of[place])]

    def _lengths_at(self, window: int) -> list[int]:
        first, last = (
            np.searchsorted(self._windows, np.uint64(window), s) for s in ("left", "right")
        )
        return [int(length) for length in np.unique(self._lengths[first:last])]

    def _form(self, spelling: Spelling) -> int:
        form = spelling.kind, spelling.form
        if form not in self._forms:
            self._forms.append(form)
        return self._forms.index(form)


def _window(content: bytes) -> int:
    return int.from_bytes(folded(content[-WINDOW:]), "big")


def _hash(content: bytes, *, exact: bool) -> int:
    person = b"exact" if exact else b"folded"
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, person=person).digest(), "big")


def _is_name(hay: bytes, start: int, stop: int) -> bool:
    """Whether hay[start:stop] is a word of its own and, if all digits, not just a number."""
    before, behind = hay[max(start - 1, 0) : start], folded(hay[stop : stop + 2])
    if before.isalnum() or behind[:1].isalnum():
        return False
    if not hay[start:stop].isdigit():
        return True
    return bool(_NAME_BEFORE.match(before) or _NAME_BEHIND.match(behind))
