"""The time of attackers, shared evenly among those that are still to be trained."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks.attack import Effort

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_SECONDS: Final = 1.0


class Shares:
    """What is left of the time, and for how many; only attackers' own seconds are counted.

    Parameters
    ----------
    seconds
        For all attackers together.
    due
        How many are still to be trained.
    """

    def __init__(self, seconds: float, due: int) -> None:
        self.seconds, self.due = seconds, due

    @contextmanager
    def effort(self, seed: int, *, is_full: bool = True) -> Iterator[Effort]:
        """Give one attacker its share; what it does not use is left to the others."""
        began = time.monotonic()
        try:
            yield Effort(max(LEAST_SECONDS, self.seconds / max(1, self.due)), seed, is_full)
        finally:
            self.seconds -= time.monotonic() - began
            self.due -= 1
