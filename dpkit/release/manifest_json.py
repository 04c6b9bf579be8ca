"""Reading a stranger's JSON: one object at a time, each field with its type and its limit.

Rules: at most `MAX_BYTES` of text, no key twice, no NaN, no unknown key in an object whose
keys the format names, no control character in a text. A failure is an `IntegrityError` that
names the file and the field.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from dpkit.errors import IntegrityError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

    from dpkit.types import Json

MAX_BYTES: Final = 16 << 20  # 16 MiB: 65,536 classes with long names stay below
MAX_DEPTH: Final = 8
MAX_TEXT: Final = 4096


def canonical(value: Mapping[str, Json]) -> str:
    """Return the one text of a JSON object: sorted keys, indented by 2, one newline at the end."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text + "\n"


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a text stands in, as a refusal names it, and what its reader can do."""

    file: str
    remedy: str

    def malformed(self, what: str) -> NoReturn:
        """Refuse the file, saying where it is wrong."""
        raise IntegrityError(f"{self.file}: {what}", remedy=self.remedy)


MANIFEST: Final = Origin("manifest.json", "ask the provider for the release again")


def malformed(what: str) -> NoReturn:
    """Refuse the manifest, saying where it is wrong."""
    MANIFEST.malformed(what)


def load(text: bytes, origin: Origin = MANIFEST) -> Fields:
    """Parse one JSON object."""
    if len(text) > MAX_BYTES:
        origin.malformed(f"{len(text)} bytes are more than {MAX_BYTES}")
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_constant=_no_constant
        )
        _check_depth(value, MAX_DEPTH)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSON's are ValueErrors
        origin.malformed(f"not the JSON of this format ({str(error)[:120]})")
    return Fields(value, "", origin)


class Fields:
    """One JSON object whose fields are taken by name; `end` refuses what is left."""

    def __init__(self, value: Json, where: str, origin: Origin = MANIFEST) -> None:
        if not isinstance(value, dict):
            origin.malformed(f"{where or 'the whole'} is not an object")
        self._origin = origin
        self._value = value
        self._where = where
        self._left = set(value)

    def left(self) -> list[str]:
        """Return the names that nobody has taken, in order."""
        return sorted(self._left)

    def end(self) -> None:
        """Refuse fields that nobody has taken."""
        if self._left:
            self._origin.malformed(f"unknown field {self._named(min(self._left))}")

    def text(
        self, name: str, *, pattern: re.Pattern[str] | None = None, most: int = MAX_TEXT
    ) -> str:
        """Take a text without control characters."""
        return self._text(self._take(name), name, pattern, most)

    def texts(self, name: str, *, most: int) -> tuple[str, ...]:
        """Take a list of at most `most` texts."""
        return tuple(self._text(item, name, None, MAX_TEXT) for item in self._list(name, most))

    def one_of(self, name: str, allowed: Iterable[str]) -> str:
        """Take one of the words that the format knows."""
        value = self._take(name)
        words = tuple(allowed)
        if not isinstance(value, str) or value not in words:
            self._origin.malformed(f"{self._named(name)} is not one of {', '.join(words)}")
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """Take a whole number from `least` to `most`."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self._origin.malformed(f"{self._named(name)} is no whole number from {least} to {most}")
        return value

    def whole_or_0(self, name: str, most: int) -> int:
        """Take a whole number from 0, which is 0 where a field of later releases is absent."""
        return self.whole(name, 0, most) if name in self._left else 0

    def wholes(self, name: str, count: int, least: int, most: int) -> tuple[int, ...]:
        """Take a list of `count` whole numbers from `least` to `most`."""
        items = self._list(name, count)
        found = tuple(n for n in items if type(n) is int and least <= n <= most)
        if len(found) != count:
            self._origin.malformed(
                f"{self._named(name)} is no list of {count} whole numbers from {least} to {most}"
            )
        return found

    def shape(self, name: str, axes: int, most: int) -> tuple[int, ...]:
        """Take the shape of an array: at most `axes` lengths from 0 to `most`."""
        return self.wholes(name, len(self._list(name, axes)), 0, most)

    def one_of_or(self, name: str, allowed: Iterable[str], default: str) -> str:
        """Take one of the words, which is `default` where a field of later releases is absent."""
        return self.one_of(name, allowed) if name in self._left else default

    def flag(self, name: str) -> bool:
        """Take true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            self._origin.malformed(f"{self._named(name)} is neither true nor false")
        return value

    def numbers(self, name: str, *, most: int) -> tuple[float, ...]:
        """Take a list of at most `most` numbers."""
        items = self._list(name, most)
        for item in items:
            if not isinstance(item, int | float) or isinstance(item, bool):
                self._origin.malformed(f"{self._named(name)} holds something that is no number")
        return tuple(float(item) for item in items if isinstance(item, int | float))

    def child(self, name: str) -> Fields:
        """Take an object whose fields the format names."""
        return Fields(self._take(name), self._named(name), self._origin)

    def maybe_child(self, name: str) -> Fields | None:
        """Take such an object, or null."""
        value = self._take(name)
        return None if value is None else Fields(value, self._named(name), self._origin)

    def children(self, name: str, *, most: int) -> list[Fields]:
        """Take a list of at most `most` such objects."""
        items = self._list(name, most)
        named = self._named(name)
        return [Fields(item, f"{named}[{k}]", self._origin) for k, item in enumerate(items)]

    def mapping(self, name: str) -> dict[str, Json]:
        """Take an object whose fields are free."""
        value = self._take(name)
        if not isinstance(value, dict):
            self._origin.malformed(f"{self._named(name)} is not an object")
        return value

    def _take(self, name: str) -> Json:
        if name not in self._value:
            self._origin.malformed(f"{self._named(name)} is missing")
        self._left.discard(name)
        return self._value[name]

    def _list(self, name: str, most: int) -> list[Json]:
        value = self._take(name)
        if not isinstance(value, list) or len(value) > most:
            self._origin.malformed(f"{self._named(name)} is no list of at most {most}")
        return value

    def _text(self, value: Json, name: str, pattern: re.Pattern[str] | None, most: int) -> str:
        if not isinstance(value, str) or len(value) > most or not is_plain(value):
            self._origin.malformed(
                f"{self._named(name)} is no plain text of at most {most} characters"
            )
        if pattern is not None and not pattern.fullmatch(value):
            self._origin.malformed(
                f"{self._named(name)} {value[:80]!r} does not read {pattern.pattern}"
            )
        return value

    def _named(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


def is_plain(text: str) -> bool:
    """Say whether a text is free of control characters and lone surrogates."""
    return not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def _no_key_twice(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _check_depth(value: Json, left: int) -> None:
    if left < 0:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)
    elif isinstance(value, float) and abs(value) == float("inf"):
        raise ValueError("a number is too large")
