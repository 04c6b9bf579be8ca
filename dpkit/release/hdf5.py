"""A strict reader of the HDF5 that a shard may hold, and of nothing else.

Bytes of a stranger reach the HDF5 library only where the user hands them to it. This reader
knows the 1.8 file format as far as `hdf5_plan` writes it: superblock 2, object headers 2
with their checksums, one root group with hard links, contiguous datasets without filters,
fixed-length types. Whatever else stands there is refused: soft and external links, external
or chunked storage, filters, shared or unknown messages, offsets beyond the file.

    superblock     signature, version 2 or 3, sizes of 8 bytes, end of file, root header
    object header  "OHDR", chunk of messages (continued in "OCHK"), Jenkins' lookup3 checksum
    message        type 1 byte, size 2, flags 1, body
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final, NoReturn

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.release.lookup3 import lookup3

if TYPE_CHECKING:
    from collections.abc import Iterator

UNDEFINED: Final = 2**64 - 1
MAX_HEADER: Final = 64 << 10  # 64 KiB, of one chunk of messages; ours take 0.3 KiB
MAX_CHUNKS: Final = 8
MAX_LINKS: Final = 16
MAX_RANK: Final = 8
_IGNORED: Final = {0x00, 0x05, 0x0A}  # nil, fill value, group info
_FLOAT: Final = {2: (10, 5, 0, 10, 15), 4: (23, 8, 0, 23, 127)}  # IEEE 754 half and single


@dataclass(frozen=True, slots=True)
class Column:
    """One dataset: its little-endian type, its shape and where its bytes start."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    offset: int

    @property
    def bytes(self) -> int:
        """The size of the dataset."""
        size = self.dtype.itemsize
        for length in self.shape:
            size *= length
        return size


@dataclass(slots=True)
class _Object:
    """What the messages of one object header say."""

    attributes: dict[str, str] = field(default_factory=dict)
    links: dict[str, int] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[np.generic] | None = None
    storage: tuple[int, int] | None = None  # address, bytes


@dataclass(frozen=True, slots=True)
class Structure:
    """What a shard holds: its root attributes and its datasets by name."""

    attributes: dict[str, str]
    columns: dict[str, Column]


def read_structure(file: IO[bytes], size: int) -> Structure:
    """Read the structure of a whole HDF5 file of `size` bytes.

    Raises
    ------
    IntegrityError
        It is not the HDF5 of a shard; the message does not name the file.
    """
    try:
        root = _read_object(file, size, _read_superblock(file, size))
        columns = {
            name: _column(name, _read_object(file, size, address), size)
            for name, address in root.links.items()
        }
    except (struct.error, IndexError, UnicodeDecodeError):
        _refuse("a message ends early")
    _check_disjoint(columns)
    return Structure(root.attributes, columns)


def _refuse(why: str) -> NoReturn:
    raise IntegrityError(f"not the HDF5 of a shard: {why}")


def _read_superblock(file: IO[bytes], size: int) -> int:
    block = _read(file, 0, 48, size)
    signature, version, offsets, lengths, _ = struct.unpack_from("<8s4B", block)
    if signature != b"\x89HDF\r\n\x1a\n" or version not in (2, 3) or (offsets, lengths) != (8, 8):
        _refuse("no superblock of version 2 or 3 at its start")
    base, extension, end, root, checksum = struct.unpack_from("<4QI", block, 12)
    if checksum != lookup3(block[:44]):
        _refuse("the checksum of its superblock differs")
    if base != 0 or extension != UNDEFINED:
        _refuse("a base address or a superblock extension")
    if end != size:
        _refuse(f"it is {size} bytes long and should be {end}")
    return int(root)


def _read(file: IO[bytes], offset: int, count: int, size: int) -> bytes:
    if offset + count > size:
        _refuse(f"{count} bytes at {offset} lie beyond its end at {size}")
    file.seek(offset)
    content = file.read(count)
    if len(content) != count:
        _refuse("it grows shorter while it is read")
    return content


def _read_object(file: IO[bytes], size: int, address: int) -> _Object:
    found = _Object()
    for kind, body in _messages(file, size, address):
        _take_message(found, kind, body)
    return found


def _messages(file: IO[bytes], size: int, address: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each message, following continuations."""
    signature, version, flags = struct.unpack("<4s2B", _read(file, address, 6, size))
    if signature != b"OHDR" or version != 2 or flags & ~0x03:  # noqa: PLR2004 (the standard's)
        _refuse("an object header of another version, or with times")
    width = 1 << (flags & 3)
    length = int.from_bytes(_read(file, address + 6, width, size), "little")
    chunks = [(address, 6 + width, 6 + width + length + 4)]
    for number, (start, skip, total) in enumerate(chunks, 1):  # grows while it is read
        if number > MAX_CHUNKS or total > MAX_HEADER:
            _refuse("an object header is too large")
        chunk = _read(file, start, total, size)
        if lookup3(chunk[:-4]) != int.from_bytes(chunk[-4:], "little"):
            _refuse("the checksum of an object header differs")
        if number > 1 and chunk[:4] != b"OCHK":
            _refuse("a continuation is none")
        for kind, body in _split(chunk[skip:-4]):
            if kind == 0x10:  # noqa: PLR2004 (continuation)
                more, count = struct.unpack("<2Q", body)
                chunks.append((more, 4, count))
            else:
                yield kind, body


def _split(chunk: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(chunk):  # fewer bytes are a gap
        kind, length, flags = struct.unpack_from("<BHB", chunk, position)
        if flags & 0x02:
            _refuse("a shared message")
        body = chunk[position + 4 : position + 4 + length]
        if len(body) != length:
            _refuse("a message is longer than its header")
        yield kind, body
        position += 4 + length


def _take_message(found: _Object, kind: int, body: bytes) -> None:
    """Keep what one message says; the numbers are the standard's message types."""
    match kind:
        case 0x01:
            found.shape = _dataspace(body)
        case 0x03:
            found.dtype = _datatype(body)
        case 0x06:
            name, address = _hard_link(body)
            if name in found.links or len(found.links) == MAX_LINKS:
                _refuse(f"the link {name!r} stands twice, or there are too many")
            found.links[name] = address
        case 0x08:
            found.storage = _contiguous(body)
        case 0x0C:
            name, value = _attribute(body)
            found.attributes[name] = value
        case 0x02 | 0x15:  # link and attribute info: both may lie in a heap elsewhere
            if any(a != UNDEFINED for a in struct.unpack_from("<2Q", body, 2)) or body[1]:
                _refuse("links or attributes in a heap")
        case _ if kind not in _IGNORED:
            _refuse(f"a message of type {kind:#04x} (filter, external storage, time, …)")


def _dataspace(body: bytes) -> tuple[int, ...]:
    version, rank, flags, kind = struct.unpack_from("<4B", body)
    if version != 2 or rank > MAX_RANK or flags & ~0x01 or kind != (rank > 0):  # noqa: PLR2004 (version)
        _refuse("a dataspace of another kind")
    sides = struct.unpack_from(f"<{rank}Q", body, 4)
    if flags and struct.unpack_from(f"<{rank}Q", body, 4 + 8 * rank) != sides:
        _refuse("a dataset that can grow")
    return sides


def _datatype(body: bytes) -> np.dtype[np.generic]:
    bits = int.from_bytes(body[1:4], "little")
    (size,) = struct.unpack_from("<I", body, 4)
    match body[0] & 0x0F:
        case 0 if size in (1, 2, 4, 8) and bits in (0, 8):
            if struct.unpack_from("<2H", body, 8) == (0, 8 * size):
                return np.dtype(f"<{'i' if bits else 'u'}{size}")
        case 1 if size in _FLOAT and bits == (8 * size - 1) << 8 | 0x20:
            layout = struct.unpack_from("<2H4BI", body, 8)
            if layout == (0, 8 * size, *_FLOAT[size]):
                return np.dtype(f"<f{size}")
        case 3 if bits in (0, 1) and 1 <= size <= 4096:  # noqa: PLR2004 (a line of text)
            return np.dtype(f"S{size}")
    _refuse("a type that is no number or fixed text of little-endian order")


def _hard_link(body: bytes) -> tuple[str, int]:
    version, flags = struct.unpack_from("<2B", body)
    if version != 1 or flags & ~0x13:
        _refuse("a link that is not hard (soft, external, or of another version)")
    start = 2 + (flags >> 4 & 1)
    width = 1 << (flags & 3)
    length = int.from_bytes(body[start : start + width], "little")
    name = body[start + width : start + width + length].decode("ascii")
    (address,) = struct.unpack_from("<Q", body, start + width + length)
    return name, int(address)


def _contiguous(body: bytes) -> tuple[int, int]:
    version, kind, address, count = struct.unpack_from("<2B2Q", body)
    if (version, kind) != (3, 1):
        _refuse("a dataset that is not contiguous")
    return int(address), int(count)


def _attribute(body: bytes) -> tuple[str, str]:
    version, flags, name_size, type_size, space_size, _ = struct.unpack_from("<2B3HB", body)
    if version != 3 or flags:  # noqa: PLR2004 (version)
        _refuse("an attribute of another version")
    kind = 9 + name_size
    space = kind + type_size
    name = body[9:kind].rstrip(b"\0").decode("ascii")
    dtype = _datatype(body[kind:space])
    if dtype.kind != "S" or _dataspace(body[space : space + space_size]) != ():
        _refuse(f"attribute {name!r} is no text")
    value = body[space + space_size : space + space_size + dtype.itemsize]
    return name, value.rstrip(b"\0").decode("ascii")


def _column(name: str, found: _Object, size: int) -> Column:
    if found.shape is None or found.dtype is None or found.storage is None or found.links:
        _refuse(f"{name!r} is no dataset")
    address, count = found.storage
    column = Column(found.dtype, found.shape, address)
    if count != column.bytes or address + count > size:
        _refuse(f"{name!r} does not lie within the file with the size of its shape")
    return column


def _check_disjoint(columns: dict[str, Column]) -> None:
    end = 0
    for column in sorted(columns.values(), key=lambda column: column.offset):
        if column.offset < end:
            _refuse("two datasets overlap")
        end = column.offset + column.bytes
