"""Object ids: 128 random bits in Crockford's base32, and one check character.

    id      26 characters of the value (most significant first), then 1 check character
    check   the remainder of the 26 symbols and a 0, as a polynomial over GF(2), by x⁵ + x² + 1

The polynomial is primitive, so the weights of 31 positions, the check character's among them,
differ: every single wrong character and every exchange of two characters is caught. An id is
derived from nothing.
"""

from __future__ import annotations

import secrets
from typing import Final

from dpkit.errors import UsageError

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
PATTERN: Final = f"[{ALPHABET}]{{27}}"
_VALUE_CHARACTERS: Final = 26  # 130 bits hold 128, so the first character is 0 to 7
_LOOKALIKES: Final = str.maketrans("ilo", "110", "-")


def new_object_id() -> str:
    """Draw a new id of 27 characters from the operating system's entropy."""
    value = secrets.randbits(128)
    shifts = range(5 * (_VALUE_CHARACTERS - 1), -1, -5)
    text = "".join(ALPHABET[value >> shift & 31] for shift in shifts)
    return text + _check_character(text)


def parse_object_id(text: str) -> str:
    """Return the id that a person typed, in its one written form.

    Case and hyphens do not matter; `i` and `l` are read as 1, `o` as 0.

    Raises
    ------
    UsageError
        The text is no id: another length, another alphabet, or a mistyped character.
    """
    plain = text.strip().lower().translate(_LOOKALIKES)
    if len(plain) != _VALUE_CHARACTERS + 1 or not set(plain) <= set(ALPHABET):
        raise UsageError(
            f"{text[:60]!r} is not an id of 27 letters and digits",
            remedy="`dpkit keys list` prints the ids",
        )
    if plain[0] > "7" or plain[-1] != _check_character(plain[:-1]):
        raise UsageError(
            f"id {plain} has a mistyped character", remedy="`dpkit keys list` prints the ids"
        )
    return plain


def _check_character(text: str) -> str:
    remainder = 0
    for character in f"{text}0":  # the check character stands where this 0 does
        remainder = remainder << 1 ^ ALPHABET.index(character)
        if remainder > 31:  # noqa: PLR2004 (five bits)
            remainder ^= 0b100101  # x⁵ + x² + 1
    return ALPHABET[remainder]
