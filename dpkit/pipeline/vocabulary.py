"""The words that dpkit itself writes into releases: a file called so gives nothing away.

Without them `palette.png` or `mean image.jpg` would stop a release, because the report has these
words. They are read from dpkit's own sources and page templates, so that no list can fall behind.
Numbers are never of this kind, but `float32` is.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_WORD: Final = re.compile(r"[a-z]+[0-9]*")
_PHRASE: Final = re.compile(r"[a-z]+[0-9]*([ _.-]+[a-z]+[0-9]*)*")
_SOURCES: Final = (".py", ".html", ".css")


def is_our_own(name: str) -> bool:
    """Say whether a name is made of nothing but words that dpkit's own texts hold."""
    lowered = name.casefold()
    return bool(_PHRASE.fullmatch(lowered)) and own_words().issuperset(_WORD.findall(lowered))


@cache
def own_words() -> frozenset[str]:
    """Return every word of dpkit's sources and templates, in lower case."""
    return frozenset(word for text in _texts(files("dpkit")) for word in _WORD.findall(text))


def _texts(folder: Traversable) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _texts(entry)
        elif entry.name.endswith(_SOURCES):
            yield entry.read_text(encoding="utf-8").lower()
