"""The ranges of the parameters of `Hold`, and which of them belong together."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.sanitizers.normalization import parse

if TYPE_CHECKING:
    from dpkit.sanitizers.hold import Hold

LEAST_DEGREE: Final = 0.01  # far below, 2^-γ is 1 in float64, and every window reaches it
MOST_DEGREE: Final = 64.0  # 2^-64 is nothing of a probability in any network's arithmetic
MOST_WINDOW: Final = 2**31 - 1


def require_sound(hold: Hold) -> None:
    """Refuse parameters outside their range, or of a network that no other asks for.

    Raises
    ------
    UsageError
        With the option, its value and what would do.
    """
    for field in fields(hold):
        value, choices = getattr(hold, field.name), field.metadata["choices"]
        if choices and value not in choices:
            option = field.name.replace("_", "-")
            raise UsageError(f"--{option} {value!r} is not {' or '.join(choices)}")
    if not 1 <= hold.window <= MOST_WINDOW:
        raise UsageError(f"--window {hold.window} is not within 1 to {MOST_WINDOW}")
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
