"""Encrypt what is handed over as an age file for one recipient (https://age-encryption.org/v1).

Needs the extra `age`. Bytes pass through: neither the file nor a temporary one ever holds them
in the clear.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def for_recipient(text: str) -> Callable[[Iterator[memoryview], BinaryIO], None]:
    """Return how to write for `age1…`.

    Raises
    ------
    UsageError
        It is no X25519 recipient of age, or the extra is not installed.
    """
    try:
        import pyrage  # noqa: PLC0415 (an extra)
    except ImportError:
        raise UsageError(
            "--recipient needs the extra age", remedy='pip install "dpkit[age]"'
        ) from None
    try:
        recipient: Any = pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise UsageError(
            f"--recipient {text[:80]!r} is no age recipient",
            remedy="give what the developer's `age-keygen -y` prints: age1…",
        ) from None

    def write(pieces: Iterator[memoryview], file: BinaryIO) -> None:
        pyrage.encrypt_io(io.BufferedReader(_Pieces(pieces)), file, [recipient])

    return write


class _Pieces(io.RawIOBase):
    """Pieces of bytes as one stream."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what comes next; 0 at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = min(len(buffer), len(self._left))
        buffer[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        return taken
