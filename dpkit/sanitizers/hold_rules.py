"""Which parameters of `Hold` belong together, and what a network says of itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dpkit.errors import UsageError
from dpkit.sanitizers.declared import require_within
from dpkit.sanitizers.normalization import parse
from dpkit.types.images import MAX_SIDE

if TYPE_CHECKING:
    from dpkit.sanitizers.hold import Hold

LEAST_DEGREE: Final = 0.01  # far below, 2^-γ is 1 in float64, and every window reaches it
MOST_DEGREE: Final = 64.0  # 2^-64 is nothing of a probability in any network's arithmetic
MOST_WINDOW: Final = 2**31 - 1
TRIED: Final = 3  # numbers of a window that was tried


def require_sound(hold: Hold) -> None:
    """Refuse parameters that do not go together, or say of a network what no other asks for.

    Raises
    ------
    UsageError
        With the option, its value and what would do.
    """
    if hold.degree and not LEAST_DEGREE <= hold.degree <= MOST_DEGREE:
        raise UsageError(
            f"--degree {hold.degree} is not 0, nor within {LEAST_DEGREE:g} to {MOST_DEGREE:g}"
        )
    if hold.normalize:
        parse(hold.normalize)
    if not hold.needs and (hold.network or hold.normalize):
        raise UsageError(
            "--network and --normalize are for a network, and none is asked for",
            remedy="name a --layer, or a --degree",
        )
    _require_found(hold)


def _require_found(hold: Hold) -> None:
    """Refuse lists that `completed` cannot have filled in."""
    if len(hold.map_shape) not in (0, 3) or not all(map(_is_whole, hold.map_shape)):
        raise UsageError(f"--map-shape {hold.map_shape!r} is not 3 whole numbers")
    for side in hold.map_shape:
        require_within("map-shape", side, (1, MAX_SIDE))
    for row in hold.tried:
        if not isinstance(row, tuple | list) or len(row) != TRIED or not all(map(_is_number, row)):
            raise UsageError(f"--tried {row!r} is not {TRIED} numbers")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
