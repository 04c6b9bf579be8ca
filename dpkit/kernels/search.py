"""Many needles in much hay: the positions where a needle may end.

A needle is known by its last `WINDOW` bytes, upper case taken as lower case, as one 48-bit
number. A filter of bits sends most positions away; an open-addressed table of the numbers
themselves decides about the rest. What comes out is right
about those bytes; the caller looks at the whole needle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW: Final = 6
FILTER_BITS: Final = 22  # 512 KiB of bits: 2.4% of positions pass with 100,000 needles
_MASK: Final = np.uint64(2**48 - 1)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, Knuth's multiplier
_EMPTY: Final = np.uint64(2**64 - 1)  # no window has more than 48 bits
_SHIFT: Final = np.uint64(64 - FILTER_BITS)
_A, _LETTERS, _CASE = np.uint64(65), np.uint64(26), np.uint64(5)  # 'A', A to Z, bit of 'a' - 'A'
_BYTE, _WORD, _BIT = np.uint64(8), np.uint64(6), np.uint64(63)
_ONE: Final = np.uint64(1)
_HIGH: Final = np.uint64(20)  # the table takes other bits of the hash than the filter


@compiled
def _slot(window: np.uint64, table: NDArray[np.uint64]) -> np.uint64:
    """Return where `window` stands in the table, or the free slot where it would."""
    last = np.uint64(len(table) - 1)
    slot = window * _SPREAD >> _HIGH & last
    while table[slot] != _EMPTY and table[slot] != window:
        slot = slot + _ONE & last
    return slot


@compiled
def fill_tables(
    windows: NDArray[np.uint64], bits: NDArray[np.uint64], table: NDArray[np.uint64]
) -> None:
    """Enter windows [k] into `bits` [2**FILTER_BITS / 64], zeros, and `table`, all ones.

    The table has 2**m entries, more than k.
    """
    for window in windows:
        place = window * _SPREAD >> _SHIFT
        bits[place >> _WORD] |= _ONE << (place & _BIT)
        table[_slot(window, table)] = window


@compiled
def find_ends(
    hay: NDArray[np.uint8],
    bits: NDArray[np.uint64],
    table: NDArray[np.uint64],
    ends: NDArray[np.int64],
) -> int:
    """Write to `ends` [n + 1] where, exclusive, a window of the table ends in hay [n].

    Returns how many were found; what stands behind them in `ends` is scratch.
    """
    window = np.uint64(0)
    passed = 0
    for position in range(len(hay)):
        byte = np.uint64(hay[position])
        byte |= np.uint64(byte - _A < _LETTERS) << _CASE
        window = (window << _BYTE | byte) & _MASK
        place = window * _SPREAD >> _SHIFT
        if bits[place >> _WORD] >> (place & _BIT) & _ONE:
            ends[passed] = position + 1
            passed += 1
    found = 0
    for candidate in range(passed):
        end = ends[candidate]
        if end < WINDOW:
            continue
        window = np.uint64(0)
        for position in range(end - WINDOW, end):
            byte = np.uint64(hay[position])
            byte |= np.uint64(byte - _A < _LETTERS) << _CASE
            window = window << _BYTE | byte
        if table[_slot(window, table)] == window:
            ends[found] = end
            found += 1
    return found


def tables(windows: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the filter bits and the table of some windows [k]."""
    bits: NDArray[Any] = np.zeros(2**FILTER_BITS // 64, np.uint64)
    size = 2 ** max(4, (2 * len(windows)).bit_length())
    table: NDArray[Any] = np.full(size, _EMPTY, np.uint64)
    fill_tables(windows, bits, table)
    return bits, table
