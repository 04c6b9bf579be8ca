"""How a long job speaks: notices for a person, progress as (stage, done, total).

A stage counts images; one that counts something else ends in it: `making Aug-Conv: rows`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Notice = Callable[[str], None]
Progress = Callable[[str, int, int], None]
SafePoint = Callable[[], None]


def silent(_text: str) -> None:
    """Take a notice and show nothing."""


def unseen(_stage: str, _done: int, _total: int) -> None:
    """Take progress and show nothing."""


def onward() -> None:
    """Pass a safe point without stopping."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Where notices and progress go; by default nowhere.

    `safe_point` is called where a job may be stopped; it raises KeyboardInterrupt where it must.
    """

    notice: Notice = silent
    progress: Progress = unseen
    safe_point: SafePoint = onward
