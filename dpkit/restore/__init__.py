"""The provider's way back: originals, names, and who holds a piece of whom."""

from __future__ import annotations

from dpkit.restore.originals import Match, lookup, restore, restored_names
from dpkit.restore.trace import Piece, trace

__all__ = ["Match", "Piece", "lookup", "restore", "restored_names", "trace"]
