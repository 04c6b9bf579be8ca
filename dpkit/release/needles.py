"""What must not stand in a release, and in which spellings it could.

    relative path   as it is; a path in a folder is also found within a longer one
    stem            the file name without its ending, from 6 characters on
    key             windows of a secret array: raw, hex in any case, base64 at its 3 alignments

Texts are looked for in UTF-8, composed and decomposed (NFC, NFD), as JSON, addresses (%-encoded)
and HTML escape them, with ASCII letters in any case. Class names that are published, and
what else the caller excepts, are no needles.
"""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import quote

from dpkit.kernels.search import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind: TypeAlias = Literal["path", "stem", "key"]
LEAST_STEM: Final = 6  # characters; shorter ones stand in any text by chance
LEAST_KEY: Final = 12  # bytes of a key window; base64 at an alignment loses up to 3
LONGEST: Final = 4096  # bytes of a spelling, the longest path of most systems
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./~-]*")  # spelled alike everywhere


@dataclass(frozen=True, slots=True)
class Spelling:
    """One needle as it would stand in a file; `exact` where upper and lower case differ.

    A content that is not exact has its ASCII letters in lower case.
    """

    content: bytes = field(repr=False)
    kind: Kind
    form: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Needles:
    """The forbidden texts and key windows of one release; private.

    Parameters
    ----------
    paths
        Relative paths of all planned images, with `/`.
    keys
        Windows of 12 bytes or more of every secret array (as released types hold them too).
    excepted
        Texts that may stand in the release: published class names, and what the user allows.
    """

    paths: tuple[str, ...] = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False, default=())
    excepted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for key in self.keys:
            if not LEAST_KEY <= len(key) <= LONGEST // 2:
                raise ValueError(f"a key window of {len(key)} bytes is not {LEAST_KEY} or more")

    def spellings(self) -> Iterator[Spelling]:
        """Yield every spelling that is long enough to be looked for, some perhaps twice."""
        excepted = {text.casefold() for text in self.excepted}
        for path in self.paths:
            if path.casefold() not in excepted:
                yield from _text_spellings("path", path)
            stem = stem_of(path)
            if len(stem) >= LEAST_STEM and stem.casefold() not in excepted:
                yield from _text_spellings("stem", stem)
        for key in self.keys:
            yield from _key_spellings(key)


def stem_of(path: str) -> str:
    """Return a file's name without its folder and its last ending; `.name` is all name."""
    name = path.rpartition("/")[2]
    stem, _, _ = name.rpartition(".")
    return stem or name


def _text_spellings(kind: Kind, text: str) -> Iterator[Spelling]:
    forms = {"utf-8": text}
    if not _PLAIN.fullmatch(text):
        forms["nfc"] = unicodedata.normalize("NFC", text)
        forms["nfd"] = unicodedata.normalize("NFD", text)
        forms["json"] = json.dumps(text)[1:-1]
        forms["address"] = quote(text, errors="surrogateescape")
        forms["html"] = html.escape(text)
    seen = set()
    for form, spelled in forms.items():
        content = folded(spelled.encode("utf-8", "surrogateescape"))
        if content not in seen and WINDOW <= len(content) <= LONGEST:
            seen.add(content)
            yield Spelling(content, kind, form, exact=False)


def _key_spellings(key: bytes) -> Iterator[Spelling]:
    raw = key.rstrip(b"\0")  # a needle that ended in zeros would be tried at each zero of a file
    if len(raw) < LEAST_KEY:
        return
    yield Spelling(raw, "key", "raw", exact=True)
    yield Spelling(raw.hex().encode(), "key", "hex", exact=False)
    for lead in range(3):
        # what precedes and follows the window shares its outer characters: they are left out
        whole = base64.b64encode(bytes(lead) + raw)
        first = (8 * lead + 5) // 6
        last = 8 * (lead + len(raw)) // 6
        yield Spelling(whole[first:last], "key", "base64", exact=True)


def folded(content: bytes) -> bytes:
    """Return bytes with A to Z as a to z; `bytes.lower` touches ASCII only."""
    return content.lower()
