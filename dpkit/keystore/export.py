"""The one way out of a keystore: an Aug-Conv object, as a safetensors file, on purpose.

The parameter's type admits no other kind; the check at run time is for callers without a type
checker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpkit.errors import UsageError
from dpkit.keystore.durable import aside
from dpkit.keystore.sealed import ExportableObject

if TYPE_CHECKING:
    from pathlib import Path


def export(sealed: ExportableObject, out: Path) -> None:
    """Write an object that may leave the keystore to a new file, mode 0600.

    Raises
    ------
    UsageError
        The object's kind may not leave, or `out` exists.
    """
    if not isinstance(sealed, ExportableObject):
        raise UsageError(f"{sealed!r} never leaves its keystore", remedy="only augconv objects do")
    if out.exists():
        raise UsageError(f"{out} exists", remedy="name a new file")
    with aside(out) as file:
        for piece in sealed.payload():
            file.write(piece)
