"""One sealed object as bytes: a head in the clear, then AES-256-GCM chunks (STREAM).

    0    8   magic
    8    2   version, 1
    10   4   h, the length of the header, at most 4096
    14   h   header: canonical JSON
    ..   60  the object key, wrapped: nonce 12, key 32, tag 16; associated data: all before it
    ..       chunks: `chunk_bytes` of the payload (the last one: the rest) and a tag of 16

Integers are big-endian. The object key is random and wraps under a key derived from the master.
Chunk i has the nonce prefix (7) ‖ i (4) ‖ 1 if it is the last, else 0 (1), and the whole head as
associated data: a chunk that was cut, moved, repeated or taken from elsewhere does not open.
Reference: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance" (2015), the construction STREAM.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dpkit.keystore import ids
from dpkit.keystore.canonical import LABEL, TIME, UUID, Fields, canonical, damaged, parse
from dpkit.keystore.catalogue import KIND_PATTERN, MAX_PAYLOAD, Kind
from dpkit.keystore.durable import open_regular
from dpkit.keystore.slots import NONCE_BYTES, VERSION, WRAPPED_BYTES
from dpkit.rng import derive, fresh_secret
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAGIC: Final = b"\x89DPK\r\n\x1a\n"  # a transfer as text would damage it visibly
CHUNK_BYTES: Final = 1024 * 1024
TAG_BYTES: Final = 16
MAX_HEADER: Final = 4096
SUITE: Final = "AES-256-GCM-STREAM"
_START: Final = struct.Struct(">8sHI")
_WRAP_BYTES: Final = NONCE_BYTES + WRAPPED_BYTES
_MEMBERS: Final = "suite payload keystore id kind label created size chunk_bytes prefix salt"


@dataclass(frozen=True, slots=True)
class ObjectHeader:
    """What stands in the clear before an object; all of it is bound to every chunk.

    `size` bytes of payload, 0 to 2**40; `chunk_bytes` 64 to 16 MiB; `prefix` 7 and `salt` 16
    random bytes.
    """

    keystore: str
    object_id: str
    kind: Kind
    label: str
    created: str
    size: int
    chunk_bytes: int = CHUNK_BYTES
    prefix: bytes = field(default_factory=lambda: os.urandom(7))
    salt: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def n_chunks(self) -> int:
        """How many chunks follow; an empty payload has one, empty."""
        return max(1, -(-self.size // self.chunk_bytes))

    def to_bytes(self) -> bytes:
        """Write magic, version, length and header."""
        header = canonical(
            {
                "suite": SUITE,
                "payload": "safetensors",
                "keystore": self.keystore,
                "id": self.object_id,
                "kind": self.kind,
                "label": self.label,
                "created": self.created,
                "size": self.size,
                "chunk_bytes": self.chunk_bytes,
                "prefix": self.prefix.hex(),
                "salt": self.salt.hex(),
            }
        )
        return _START.pack(MAGIC, VERSION, len(header)) + header


def seal(out: BinaryIO, header: ObjectHeader, pieces: Iterable[memoryview], master: Secret) -> None:
    """Write one object; `pieces` are the payload's bytes, in any division."""
    start = header.to_bytes()
    object_key, nonce = fresh_secret(), os.urandom(NONCE_BYTES)
    wrapped = _wrapping_key(master, header).encrypt(nonce, object_key.reveal(), start)
    head = start + nonce + wrapped
    out.write(head)
    cipher, last = AESGCM(object_key.reveal()), header.n_chunks - 1
    written = 0
    for index, chunk in enumerate(_rechunk(pieces, header.chunk_bytes)):
        out.write(cipher.encrypt(_nonce(header, index, index == last), chunk, head))
        written += len(chunk)
    if written != header.size:
        raise ValueError(f"{written} bytes were given, the header says {header.size}")


class SealedBytes:
    """A sealed object's payload, opened chunk by chunk.

    Raises
    ------
    IntegrityError
        On opening: the head or the file's length is not what was written. On reading: a chunk.
    """

    def __init__(self, path: Path, master: Secret) -> None:
        self._path = path
        self._where = f"object {path.name}"
        with open_regular(path) as file:
            start, self.header = _read_start(file, self._where)
            self._head = start + file.read(_WRAP_BYTES)
            length = file.seek(0, os.SEEK_END)
        expected = len(start) + _WRAP_BYTES + self.header.size + TAG_BYTES * self.header.n_chunks
        if length != expected:
            raise damaged(self._where, f"has {length} bytes, its header says {expected}")
        self._object_key = self._unwrap(master, len(start))

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return self.header.size

    def read(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the payload's bytes from `start` to `stop`, opening only the chunks they touch."""
        if not 0 <= start <= stop <= self.size:
            raise damaged(self._where, f"has no bytes {start} to {stop}")
        size = self.header.chunk_bytes
        with open_regular(self._path) as file:
            for index in range(start // size, -(-stop // size)):
                first = index * size
                chunk = memoryview(self._open_chunk(file, index))
                yield chunk[max(0, start - first) : stop - first]

    def verify(self) -> None:
        """Open every chunk once."""
        with open_regular(self._path) as file:
            for index in range(self.header.n_chunks):
                self._open_chunk(file, index)

    def _open_chunk(self, file: BinaryIO, index: int) -> bytes:
        stride = self.header.chunk_bytes + TAG_BYTES
        file.seek(len(self._head) + index * stride)
        nonce = _nonce(self.header, index, index == self.header.n_chunks - 1)
        try:
            return AESGCM(self._object_key.reveal()).decrypt(nonce, file.read(stride), self._head)
        except InvalidTag as error:
            raise damaged(self._where, f"was changed in chunk {index}") from error

    def _unwrap(self, master: Secret, length: int) -> Secret:
        start, wrap = self._head[:length], self._head[length:]
        try:
            key = _wrapping_key(master, self.header)
            return Secret(key.decrypt(wrap[:NONCE_BYTES], wrap[NONCE_BYTES:], start))
        except InvalidTag as error:
            raise damaged(self._where, "was changed in its header") from error


def overwrite_wrap(path: Path) -> None:
    """Overwrite the wrapped object key, without which no chunk opens, whatever else is damaged."""
    with path.open("r+b") as file:
        head = file.read(_START.size)
        length = _START.unpack(head)[2] if len(head) == _START.size else MAX_HEADER
        file.seek(0)
        file.write(os.urandom(_START.size + min(length, MAX_HEADER) + _WRAP_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _read_start(file: BinaryIO, where: str) -> tuple[bytes, ObjectHeader]:
    fixed = file.read(_START.size)
    if len(fixed) != _START.size or not fixed.startswith(MAGIC):
        raise damaged(where, "is no sealed object")
    _, version, length = _START.unpack(fixed)
    if version != VERSION:
        raise damaged(where, f"has version {version}, this dpkit reads {VERSION}")
    if length > MAX_HEADER:
        raise damaged(where, f"has a header of {length} bytes, the limit is {MAX_HEADER}")
    text = file.read(length)
    return fixed + text, _parse_header(text, where)


def _parse_header(text: bytes, where: str) -> ObjectHeader:
    fields = Fields(parse(text, where), _MEMBERS, where)
    fields.text("suite", SUITE)
    fields.text("payload", "safetensors")
    return ObjectHeader(
        keystore=fields.text("keystore", UUID),
        object_id=fields.text("id", ids.PATTERN),
        kind=cast("Kind", fields.text("kind", KIND_PATTERN)),
        label=fields.text("label", LABEL),
        created=fields.text("created", TIME),
        size=fields.number("size", 0, MAX_PAYLOAD),
        chunk_bytes=fields.number("chunk_bytes", 64, 16 * CHUNK_BYTES),
        prefix=fields.hexadecimal("prefix", 7),
        salt=fields.hexadecimal("salt", 16),
    )


def _wrapping_key(master: Secret, header: ObjectHeader) -> AESGCM:
    context = (header.keystore.encode(), header.object_id.encode(), header.salt)
    return AESGCM(derive(master, "keystore object", *context).reveal())


def _nonce(header: ObjectHeader, index: int, is_last: bool) -> bytes:
    return header.prefix + index.to_bytes(4, "big") + bytes([is_last])


def _rechunk(pieces: Iterable[memoryview], size: int) -> Iterator[bytes | memoryview]:
    """Yield chunks of `size` bytes and one last of the rest (never empty, but for no bytes)."""
    waiting: list[memoryview] = []
    missing, is_empty = size, True
    for piece in pieces:
        offset = 0
        while offset < len(piece):
            is_empty = False
            part = piece[offset : offset + missing]
            offset += len(part)
            missing -= len(part)
            if missing:
                waiting.append(memoryview(bytes(part)))  # the piece's memory may be filled anew
                continue
            yield b"".join((*waiting, part)) if waiting else part  # a whole chunk needs no copy
            waiting, missing = [], size
    if waiting or is_empty:
        yield b"".join(waiting)
