"""Marks: what an image is known by in a keystore's ledgers.

    mark    HMAC-SHA-256 of one decoded image, 32 bytes, under a key that the keystore holds
    text    the same as numpy's `S32`, which compares as its bytes do and sorts fast

A mark follows the pixels: a renamed or rewritten file of the same pixels has the same mark, one
with a single other value has not. Without the key nobody can test a picture against a mark.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Secret

MARK_BYTES: Final = 32
_TEXT: Final = f"S{MARK_BYTES}"
_AXES: Final = 4  # n, h, w, c
_HEAD: Final = struct.Struct(">4I")  # bits of a sample, h, w, c
_SAMPLES: Final = (np.dtype(np.uint8), np.dtype(np.uint16))


def marks_of(pixels: NDArray[Any], key: Secret) -> NDArray[np.uint8]:
    """Return the marks u8 [n,32] of decoded images u8 or u16 [n,h,w,c]."""
    begun = hmac.new(key.reveal(), _head(pixels), hashlib.sha256)
    marks = np.empty((len(pixels), MARK_BYTES), np.uint8)
    for mark, image in zip(marks, pixels, strict=True):
        one = begun.copy()
        one.update(_samples(image))
        mark[:] = np.frombuffer(one.digest(), np.uint8)
    return marks


def as_texts(marks: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return u8 [n,32] as texts [n] of fixed length."""
    if marks.dtype != np.uint8 or marks.shape[1:] != (MARK_BYTES,):
        raise UsageError(
            f"marks of shape {marks.shape} and type {marks.dtype} are not u8 [n,{MARK_BYTES}]",
            remedy="take them from `marks` of a ledger or budget",
        )
    text: NDArray[np.bytes_] = np.ascontiguousarray(marks).view(_TEXT)
    return text.reshape(-1)


def as_marks(texts: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Return texts [n] as u8 [n,32]."""
    return texts.view(np.uint8).reshape(-1, MARK_BYTES)


def counted(texts: NDArray[np.bytes_]) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """Return texts [n] in ascending order, each once, and how often each stood there, int64."""
    ordered = np.sort(texts)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_first)
    return ordered[starts], np.diff(starts, append=len(ordered)).astype(np.int64)


def places(ordered: NDArray[np.bytes_], asked: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Return where each of `asked` [n] stands in `ordered`, which ascends; int64 [n], else -1."""
    if not len(ordered):
        return np.full(len(asked), -1, np.int64)
    found = np.minimum(np.searchsorted(ordered, asked), len(ordered) - 1).astype(np.int64)
    return np.where(np.equal(ordered[found], asked), found, -1)


def _head(pixels: NDArray[Any]) -> bytes:
    if pixels.ndim != _AXES or pixels.dtype.newbyteorder("=") not in _SAMPLES:
        raise UsageError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype} have no marks",
            remedy="give images as u8 or u16, [h,w,c] each",
        )
    return _HEAD.pack(8 * pixels.dtype.itemsize, *pixels.shape[1:])


def _samples(image: NDArray[Any]) -> memoryview:
    """Return the bytes of one image, little-endian, in C order."""
    ordered = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8).data
