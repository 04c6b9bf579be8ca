"""What a kernel asks of the arrays it is given: compiled code looks at no index.

Each function raises ValueError, and names the array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def shape_of(name: str, array: NDArray[Any], dimensions: int) -> tuple[int, ...]:
    """Return the shape, of so many dimensions."""
    if array.ndim != dimensions:
        raise ValueError(f"{name}: {array.ndim} dimensions, not {dimensions}")
    return array.shape


def require(name: str, array: NDArray[Any], dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Refuse an array of another type, shape or order in memory."""
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        order = "" if array.flags.c_contiguous else "strided "
        given = f"{order}{array.dtype} {array.shape}"
        raise ValueError(f"{name}: {given}, not C-contiguous {np.dtype(dtype)} {shape}")


def require_within(name: str, rows: NDArray[np.int64], least: int, end: int) -> None:
    """Refuse rows below `least`, or `end` and above."""
    if rows.size and not (least <= rows.min() and rows.max() < end):
        raise ValueError(f"{name}: {rows.min()} to {rows.max()}, not within {least} to {end - 1}")


def require_writable(out: NDArray[Any], *inputs: NDArray[Any]) -> None:
    """Refuse to write into what is read, or may not be written."""
    if not out.flags.writeable or any(np.may_share_memory(out, array) for array in inputs):
        raise ValueError("out: must be writable, and share no memory with what is read")
