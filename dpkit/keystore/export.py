"""The one way out of a keystore: an Aug-Conv object, as a safetensors file, on purpose.

The parameter's type admits no other kind; the check at run time is for callers without a type
checker.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dpkit.errors import UsageError
from dpkit.keystore.arrays import StreamedArray, lay_out
from dpkit.keystore.durable import new_file
from dpkit.keystore.sealed import ExportableObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from dpkit.types import Json

_BYTES_AT_ONCE: Final = 2**23  # 8 MiB


def write_pieces(pieces: Iterator[memoryview], file: BinaryIO) -> None:
    """Write the bytes as they are."""
    file.writelines(pieces)


def export(
    sealed: ExportableObject,
    out: Path,
    settings: Mapping[str, Json],
    names: tuple[str, ...],
    write: Callable[[Iterator[memoryview], BinaryIO], None] = write_pieces,
) -> None:
    """Write the named arrays of an object that may leave the keystore to a new file, mode 0600.

    Parameters
    ----------
    settings
        What the file's head says.
    names
        Of the arrays that leave.
    write
        How the bytes come into the file: as they are, or encrypted for somebody.

    Raises
    ------
    UsageError
        The object's kind may not leave, or `out` exists.
    """
    if not isinstance(sealed, ExportableObject):
        raise UsageError(f"{sealed!r} never leaves its keystore", remedy="only augconv objects do")
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} exists", remedy="name a new file")
    payload = lay_out(settings, {name: _streamed(sealed, name) for name in names})
    with new_file(out) as file:
        write(payload.pieces(), file)


def _streamed(sealed: ExportableObject, name: str) -> StreamedArray:
    shape = sealed.shape(name)
    row = math.prod(shape[1:]) * sealed.dtype(name).itemsize
    step = max(1, _BYTES_AT_ONCE // max(1, row))

    def pieces() -> Iterator[NDArray[Any]]:
        for start in range(0, shape[0], step):
            yield sealed.array(name, start, start + step)

    return StreamedArray(sealed.dtype(name), shape, pieces)
