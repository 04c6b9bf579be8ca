"""EXIF orientation: tag 0x0112 of the first directory, values 1 to 8 (CIPA DC-008, 4.6.4).

The tag is read here and not by Pillow, which warns about some broken directories and raises
on others; a broken directory says nothing about orientation, so the pixels stay as they lie.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UPRIGHT: Final = 1
TRANSPOSED: Final = frozenset({5, 6, 7, 8})  # height and width change places

_TAG: Final = 0x0112
_SHORT: Final = 3
_ENTRY_BYTES: Final = 12
_BYTE_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}


def read_orientation(exif: bytes) -> int:
    """Return 1 to 8 of an EXIF block, with or without its `Exif` prefix; 1 if it states none."""
    block = exif.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return UPRIGHT
    try:
        return _find(block, order)
    except struct.error:  # the directory points outside its block
        return UPRIGHT


def _find(block: bytes, order: str) -> int:
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (entries,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(entries):
        offset = start + 2 + entry * _ENTRY_BYTES
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", block, offset)
        if tag == _TAG:
            stated = kind == _SHORT and count == 1 and value in range(1, 9)
            return value if stated else UPRIGHT
    return UPRIGHT


def orient(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return `pixels` [h,w] or [h,w,c] upright, contiguous; values 5 to 8 swap h and w."""
    if orientation == UPRIGHT:
        return pixels
    if orientation in TRANSPOSED:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):  # the first stored row belongs at the bottom
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):  # the first stored column belongs at the right
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
