"""Canonical JSON: one byte string for one document, so that a MAC has one meaning.

The form: keys sorted, no white space, ASCII with escapes, no NaN, nothing behind it. A
reader parses, writes again and compares: what is not in the form is refused, so two keys of
one name, other spellings of a number and trailing bytes cannot pass. `Fields` then takes
each value with its pattern or limits; unknown and missing names are refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from dpkit.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Json, Secret

MAC: Final = "mac"
UUID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LABEL: Final = "[ -~]{0,64}"  # public short text: printable ASCII


def now() -> str:
    """Return the time as it is written everywhere in a keystore: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(document: Mapping[str, Json]) -> bytes:
    """Write a document in its one form."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def parse(data: bytes, where: str) -> dict[str, Json]:
    """Read a document that must be in its one form; the caller has limited its length."""
    try:
        document = json.loads(data)
        well_formed = isinstance(document, dict) and canonical(document) == data
    except (ValueError, RecursionError):
        well_formed = False
    if not well_formed:
        raise damaged(where, "is not canonical JSON")
    return document  # type: ignore[no-any-return]  # a dict with text keys, by the lines above


def with_mac(document: Mapping[str, Json], key: Secret) -> bytes:
    """Write a document with HMAC-SHA-256 over its canonical form as the member `mac`."""
    return canonical({**document, MAC: _mac(document, key)})


def check_mac(document: Mapping[str, Json], key: Secret, where: str) -> dict[str, Json]:
    """Return the document without its `mac`, which must be the right one."""
    body = {name: value for name, value in document.items() if name != MAC}
    claimed = document.get(MAC)
    if not isinstance(claimed, str) or not hmac.compare_digest(
        claimed.encode(), _mac(body, key).encode()
    ):
        raise damaged(where, "was changed: its HMAC does not fit")
    return body


def check_label(label: str) -> None:
    """Raise `UsageError` where a label cannot stand in a header."""
    if not re.fullmatch(LABEL, label):
        raise UsageError(
            f"label {label[:80]!r} is not printable ASCII of at most 64 characters",
            remedy="shorten or spell it so",
        )


def damaged(where: str, what: str) -> IntegrityError:
    """Return the error for sealed bytes that are not as they were written."""
    return IntegrityError(f"{where} {what}", remedy="use a backup of the keystore")


class Fields:
    """The members of one JSON object of which exactly `names` must be there.

    Each method takes one value within its limits, or raises `IntegrityError`.
    """

    def __init__(self, document: Json, names: str, where: str) -> None:
        if not isinstance(document, dict) or set(document) != set(names.split()):
            raise damaged(where, f"does not have exactly the members {names}")
        self._document = document
        self._where = where

    def text(self, name: str, pattern: str) -> str:
        """Return a text that the pattern matches whole."""
        value = self._document[name]
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self._bad(name)
        return value

    def number(self, name: str, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self._document[name]
        if type(value) is not int or not low <= value <= high:
            raise self._bad(name, f" within {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._document[name]
        if not isinstance(value, bool):
            raise self._bad(name)
        return value

    def hexadecimal(self, name: str, n_bytes: int) -> bytes:
        """Return `n_bytes` bytes, written as lower-case hexadecimal digits."""
        return bytes.fromhex(self.text(name, f"[0-9a-f]{{{2 * n_bytes}}}"))

    def items(self, name: str, high: int) -> list[Json]:
        """Return a list of at most `high` items."""
        value = self._document[name]
        if not isinstance(value, list) or len(value) > high:
            raise self._bad(name, f" of at most {high} items")
        return value

    def numbers(self, name: str, n_high: int, high: int) -> list[int]:
        """Return a list of at most `n_high` whole numbers from 0 to `high`."""
        numbers = [n for n in self.items(name, n_high) if type(n) is int and 0 <= n <= high]
        if len(numbers) != len(self.items(name, n_high)):
            raise self._bad(name, f" within 0 to {high}")
        return numbers

    def member(self, name: str) -> Json:
        """Return a value that has `Fields` of its own."""
        return self._document[name]

    def _bad(self, name: str, limit: str = "") -> IntegrityError:
        return damaged(self._where, f"has no valid {name}{limit}")


def _mac(document: Mapping[str, Json], key: Secret) -> str:
    return hmac.new(key.reveal(), canonical(document), hashlib.sha256).hexdigest()
