"""Bob Jenkins' lookup3 hash (2006, public domain), with which HDF5 checks its metadata.

It finds damage, it proves nothing: the signature over the release does that.
"""

from __future__ import annotations

from typing import Final

_MASK: Final = 0xFFFFFFFF
_MIX: Final = ((0, 2, 4), (1, 0, 6), (2, 1, 8), (0, 2, 16), (1, 0, 19), (2, 1, 4))
_FINAL: Final = ((2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24))


def lookup3(content: bytes) -> int:
    """Return the 32-bit hash of some bytes (`hashlittle` with initial value 0).

    Examples
    --------
    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    state = [(0xDEADBEEF + len(content)) & _MASK] * 3
    if not content:
        return state[2]
    last = (len(content) - 1) // 12 * 12  # the last block of 1 to 12 bytes is mixed otherwise
    for start in range(0, last, 12):
        _add(state, content[start : start + 12])
        for into, other, turn in _MIX:
            state[into] = (state[into] - state[other] & _MASK) ^ _turned(state[other], turn)
            follow = 3 - into - other
            state[other] = state[other] + state[follow] & _MASK
    _add(state, content[last:])
    for into, other, turn in _FINAL:
        state[into] = (state[into] ^ state[other]) - _turned(state[other], turn) & _MASK
    return state[2]


def _add(state: list[int], block: bytes) -> None:
    for word in range(3):
        number = int.from_bytes(block[4 * word : 4 * word + 4], "little")
        state[word] = state[word] + number & _MASK


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK
