"""How a long job speaks: notices for a person, progress as (stage, done, total)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Notice = Callable[[str], None]
Progress = Callable[[str, int, int], None]


def silent(_text: str) -> None:
    """Take a notice and show nothing."""


def unseen(_stage: str, _done: int, _total: int) -> None:
    """Take progress and show nothing."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Where notices and progress go; by default nowhere."""

    notice: Notice = silent
    progress: Progress = unseen
