"""The container of what developer and provider exchange: safetensors, settings as JSON in it.

    0   8   n, little-endian, at most 16 MiB
    8   n   JSON: name → dtype, shape, data_offsets; `__metadata__` → {"dpkit": settings as JSON}
    ..      the arrays, little-endian, in C order, without gaps

A stranger's file is read sizes before content; its arrays are then mapped from the disk. The
safetensors library checks that shapes, types and offsets fit the file; here stand the limits, the
members of each object, and that no name stands twice. `docs/format.md` specifies what it holds:
`first_conv.py`, `augconv.py`, `remote.py`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dpkit.errors import UsageError
from dpkit.release.aside import write_file
from dpkit.release.manifest_json import Fields, Origin, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.types import Json

VERSION: Final = 1
MAX_HEAD: Final = 16 << 20  # 16 MiB, as in a keystore's objects
MAX_SETTINGS: Final = 1 << 16  # characters
MAX_AXES: Final = 8
MAX_LENGTH: Final = 1 << 40  # along one axis
DTYPES: Final = {"F32": "<f4", "F16": "<f2", "I32": "<i4"}
_LENGTH_BYTES: Final = 8
_METADATA: Final = "__metadata__"
_ARRAY_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Tensors:
    """An opened file: settings and arrays are taken by name; `end` refuses what is left."""

    settings: Fields
    arrays: dict[str, NDArray[Any]]
    origin: Origin

    def take(self, name: str, axes: int, dtype: type[np.generic] | None = None) -> NDArray[Any]:
        """Take an array of so many axes, of one type or of any that the format knows."""
        if name not in self.arrays:
            self.origin.malformed(f"array {name} is missing")
        array = self.arrays.pop(name)
        if array.ndim != axes or dtype not in (None, array.dtype):
            wanted = f"{np.dtype(dtype)} " if dtype else ""
            self.origin.malformed(
                f"array {name} is {array.dtype} {array.shape}, not {wanted}of {axes} axes"
            )
        return array

    def take_any(self, name: str) -> NDArray[np.float32]:
        """Take a float32 array of any number of axes."""
        array = self.arrays[name]
        return self.take(name, array.ndim, np.float32)

    def take_bias(self) -> NDArray[np.float32] | None:
        """Take `bias` float32 [β], or None where there is none."""
        return self.take("bias", 1, np.float32) if "bias" in self.arrays else None

    def end(self) -> None:
        """Refuse what nobody has taken."""
        self.settings.end()
        if self.arrays:
            self.origin.malformed(f"unknown array {min(self.arrays)}")


def open_tensors(path: str | Path, format_name: str, remedy: str, most_bytes: int) -> Tensors:
    """Open a file of one format, version 1; arrays are float32, float16 or int32.

    They are mapped copy-on-write: nothing is read before it is used, and nothing that is done to
    them reaches the file.

    Raises
    ------
    UsageError
        There is no such file, or its version is newer.
    IntegrityError
        It is larger than `most_bytes`, or not a safetensors file of this format.
    """
    file, origin = Path(path), Origin(str(path), remedy)
    head, base = _read_head(file, origin, most_bytes)
    members = load(head, origin)
    metadata = members.child(_METADATA)
    settings = load(metadata.text("dpkit", most=MAX_SETTINGS).encode(), origin)
    metadata.end()
    _check_version(settings, format_name, origin)
    _check_by_library(file, origin)
    content = np.asarray(np.memmap(file, np.uint8, "c"))[base:]
    names = members.left()
    arrays = {name: _view(content, name, members.child(name), origin) for name in names}
    return Tensors(settings, arrays, origin)


def write_tensors(
    path: Path, format_name: str, settings: Mapping[str, Json], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file of one format, version 1.

    Raises
    ------
    DpkitError
        The system refuses to write.
    """
    document = {"format": format_name, "version": VERSION, **settings}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_file(path, save(plain, metadata={"dpkit": text}))


def _check_version(settings: Fields, format_name: str, origin: Origin) -> None:
    settings.one_of("format", (format_name,))
    version = settings.whole("version", 1, 10**6)
    if version > VERSION:
        raise UsageError(
            f"{origin.file}: format version {version} is newer than {VERSION}, the last one read",
            remedy="install a newer dpkit",
        )


def _read_head(path: Path, origin: Origin, most_bytes: int) -> tuple[bytes, int]:
    """Return the JSON, and where the arrays begin."""
    if not path.is_file():
        raise UsageError(f"{path} is no file", remedy="name a safetensors file")
    size = path.stat().st_size
    if size > most_bytes:
        origin.malformed(f"{size} bytes are more than {most_bytes}")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > min(MAX_HEAD, size - _LENGTH_BYTES):
            origin.malformed(f"a head of {length} bytes is over its size or {MAX_HEAD}")
        return file.read(length), _LENGTH_BYTES + length


def _check_by_library(path: Path, origin: Origin) -> None:
    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        origin.malformed(f"no safetensors file ({str(error)[:120]})")


def _view(content: NDArray[np.uint8], name: str, fields: Fields, origin: Origin) -> NDArray[Any]:
    if not _ARRAY_NAME.fullmatch(name):
        origin.malformed(f"array {name[:64]!r} is not named by small letters, digits and _")
    dtype = np.dtype(DTYPES[fields.one_of("dtype", DTYPES)])
    shape = fields.shape("shape", MAX_AXES, MAX_LENGTH)
    start, stop = fields.wholes("data_offsets", 2, 0, MAX_LENGTH)
    fields.end()
    if 0 in shape:  # numpy refuses some of them by an error of its own
        origin.malformed(f"array {name} of shape {shape} is empty")
    array = content[start:stop].view(dtype).reshape(shape)
    return np.require(array, requirements="A")  # another writer may not have aligned it
