"""Options that take several numbers or words, parted by commas."""

from __future__ import annotations

import math

from dpkit.errors import UsageError


def weights(text: str) -> tuple[float, ...]:
    """Return the values of λ that `--lambda` lists, each once.

    Raises
    ------
    UsageError
        A piece is no finite number.
    """
    return tuple(dict.fromkeys(_weight(piece, text) for piece in text.split(",")))


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list, each once, without spaces around them."""
    return tuple(dict.fromkeys(piece.strip() for piece in text.split(",")))


def _weight(piece: str, text: str) -> float:
    try:
        found = float(piece) + 0.0  # no minus zero
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise UsageError(f"{piece!r} of --lambda {text!r} is no number", remedy="such as 0,0.05,20")
    return found
