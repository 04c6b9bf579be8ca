"""Named arrays and settings as one payload: a safetensors file, so that others can read it.

    0   8   n, little-endian, at most 16 MiB
    8   n   JSON: name → dtype, shape, data_offsets; `__metadata__` → {"dpkit": settings as JSON}
    ..      the arrays, little-endian, in C order, without gaps, widest items first

Reading takes the JSON and then the bytes of one array; every number in it is checked against the
payload's length before anything is allocated.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.keystore.canonical import Fields, damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from dpkit.types import Json

MAX_HEAD: Final = 16 * 1024 * 1024
MAX_ARRAYS: Final = 65_536
MAX_DIMENSIONS: Final = 8
MAX_LENGTH: Final = 2**40  # along one axis
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}"
DTYPES: Final = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
_NAMES: Final = {np.dtype(code): name for name, code in DTYPES.items()}
_LENGTH: Final = struct.Struct("<Q")
_METADATA: Final = "__metadata__"


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """Where one array lies: bytes `start` to `stop` of the payload."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int

    def rows(self, start: int, stop: int | None) -> ArraySpec:
        """Return the part of rows `start` to `stop` along the first axis."""
        if not self.shape:
            raise ValueError("an array without axes has no rows")
        first, end, _ = slice(start, stop).indices(self.shape[0])
        end = max(first, end)
        row = self.dtype.itemsize * math.prod(self.shape[1:])
        shape = (end - first, *self.shape[1:])
        return ArraySpec(self.dtype, shape, self.start + first * row, self.start + end * row)


@dataclass(frozen=True, slots=True)
class StreamedArray:
    """An array that is made while it is written, piece by piece, and never whole in memory.

    `pieces` gives parts along the first axis, in order, each of `dtype`.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Callable[[], Iterable[NDArray[Any]]]

    @property
    def itemsize(self) -> int:
        """Bytes of an item."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.itemsize


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload to be sealed: `size` bytes, given piece by piece."""

    head: bytes
    arrays: tuple[NDArray[Any] | StreamedArray, ...]

    @property
    def size(self) -> int:
        """Bytes of head and arrays."""
        return len(self.head) + sum(array.nbytes for array in self.arrays)

    def pieces(self) -> Iterator[memoryview]:
        """Yield the bytes without copying an array."""
        yield memoryview(self.head)
        for array in self.arrays:
            parts = array.pieces() if isinstance(array, StreamedArray) else (array,)
            for part in parts:
                plain = np.asarray(part, array.dtype, order="C")
                yield plain.reshape(-1).view(np.uint8).data


def lay_out(
    settings: Mapping[str, Json], arrays: Mapping[str, NDArray[Any] | StreamedArray]
) -> Payload:
    """Order the arrays and write the head.

    Raises
    ------
    UsageError
        A name or an array's type cannot be stored, or there are too many.
    """
    if len(arrays) > MAX_ARRAYS:
        raise UsageError(f"{len(arrays)} arrays are more than an object's {MAX_ARRAYS}")
    plain = {name: _storable(name, array) for name, array in arrays.items()}
    ordered = sorted(plain, key=lambda name: (-plain[name].itemsize, name))
    text = json.dumps(dict(settings), sort_keys=True, separators=(",", ":"), allow_nan=False)
    document: dict[str, Json] = {_METADATA: {"dpkit": text}}
    offset = 0
    for name in ordered:
        array, begin = plain[name], offset
        offset += array.nbytes
        document[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, offset],
        }
    head = json.dumps(document, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)  # so that wide items lie on their own multiples
    if len(head) > MAX_HEAD:
        raise UsageError(f"settings of {len(text)} characters are over an object's 16 MiB")
    return Payload(_LENGTH.pack(len(head)) + head, tuple(plain[name] for name in ordered))


def head_length(first: bytes, size: int, where: str) -> int:
    """Return n from the payload's first 8 bytes, checked against its size."""
    if len(first) != _LENGTH.size:
        raise damaged(where, "is too short for a safetensors file")
    length = int(_LENGTH.unpack(first)[0])
    if length > min(MAX_HEAD, size - _LENGTH.size):
        raise damaged(where, f"has a head of {length} bytes, over its size or 16 MiB")
    return length


def parse_head(head: bytes, size: int, where: str) -> tuple[dict[str, Json], dict[str, ArraySpec]]:
    """Read the JSON head of a payload of `size` bytes: settings, and arrays by name."""
    document = _json_object(head, where)
    metadata = Fields(document.pop(_METADATA, None), "dpkit", where)
    settings = _json_object(metadata.text("dpkit", "(?s:.*)"), where)
    if len(document) > MAX_ARRAYS:
        raise damaged(where, f"has more than {MAX_ARRAYS} arrays")
    base = _LENGTH.size + len(head)
    specs = {name: _parse_spec(name, value, base, where) for name, value in document.items()}
    _refuse_gaps(specs.values(), base, size, where)
    return settings, specs


def assemble(spec: ArraySpec, pieces: Iterable[memoryview]) -> NDArray[Any]:
    """Fill one array from its bytes."""
    array = np.empty(spec.shape, spec.dtype)
    flat = array.reshape(-1).view(np.uint8)
    offset = 0
    for piece in pieces:
        flat[offset : offset + len(piece)] = np.frombuffer(piece, np.uint8)
        offset += len(piece)
    return array


def _storable(name: str, array: NDArray[Any] | StreamedArray) -> NDArray[Any] | StreamedArray:
    if not re.fullmatch(NAME, name):
        raise UsageError(f"array name {name[:130]!r} is not made of letters, digits and ._/-")
    plain: NDArray[Any] | StreamedArray = array
    if not isinstance(array, StreamedArray):
        ordered = np.asarray(array, order="C")
        plain = ordered.astype(ordered.dtype.newbyteorder("<"), copy=False)
    if plain.dtype not in _NAMES or len(plain.shape) > MAX_DIMENSIONS:
        raise UsageError(
            f"array {name} of type {plain.dtype} and {len(plain.shape)} axes cannot be stored",
            remedy=f"use one of {', '.join(DTYPES)} and at most {MAX_DIMENSIONS} axes",
        )
    return plain


def _parse_spec(name: str, document: Json, base: int, where: str) -> ArraySpec:
    fields = Fields(document, "dtype shape data_offsets", where)
    dtype = np.dtype(DTYPES[fields.text("dtype", "|".join(DTYPES))])
    shape = tuple(fields.numbers("shape", MAX_DIMENSIONS, MAX_LENGTH))
    begin, end = (*fields.numbers("data_offsets", 2, MAX_LENGTH), -1, -1)[:2]
    extent = math.prod(max(1, n) for n in shape) * dtype.itemsize  # numpy refuses it from 2**63
    is_whole = end - begin == math.prod(shape) * dtype.itemsize and end >= 0
    if not re.fullmatch(NAME, name) or not is_whole or extent > 8 * MAX_LENGTH:
        raise damaged(where, f"has an array {name[:64]!r} whose shape and bytes do not fit")
    return ArraySpec(dtype, shape, base + begin, base + end)


def _refuse_gaps(specs: Iterable[ArraySpec], start: int, size: int, where: str) -> None:
    for spec in sorted(specs, key=lambda spec: (spec.start, spec.stop)):
        if spec.start != start:
            raise damaged(where, "has arrays that overlap or leave a gap")
        start = spec.stop
    if start != size:
        raise damaged(where, f"has {size} bytes, its arrays end at {start}")


def _json_object(text: bytes | str, where: str) -> dict[str, Json]:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise damaged(where, "has a head that is not JSON") from error
    if not isinstance(document, dict):
        raise damaged(where, "has a head that is no JSON object")
    return document


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("two members of one name")
    return document
