"""Time that several attackers share: each gets an even part of what is left."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks.attack import Effort

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST: Final = 1.0  # seconds that an attacker gets, however little is left
FOREVER: Final = 1e9  # seconds: attackers end when they have converged, not by the clock


class Shares:
    """Seconds for so many attackers together; what one leaves is for those after it.

    Only an attacker's own time counts: what is done between two of them is not theirs.
    """

    def __init__(self, seconds: float, count: int) -> None:
        self._left, self._count = seconds, count

    @contextmanager
    def effort(self, seed: int, *, is_full: bool = True) -> Iterator[Effort]:
        """Give one attacker its part, and take from what is left what it used of it."""
        part = max(LEAST, self._left / max(1, self._count))
        effort = Effort(part, seed, is_full)
        yield effort
        self._left -= part - effort.left
        self._count -= 1
