"""Every sanitizer by its one word: command, manifest value, file and docs page.

A new one is a file beside `morph.py` and a line here; `tests/contract.py` then runs over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.sanitizers.mix import Mix
from dpkit.sanitizers.morph import Morph

if TYPE_CHECKING:
    from dpkit.sanitizers.base import Sanitizer

SANITIZERS: Final[dict[str, type[Sanitizer]]] = {"morph": Morph, "mix": Mix}

__all__ = ["SANITIZERS"]
