"""Values of λ that a sweep may be asked for."""

from __future__ import annotations

from dpkit.errors import UsageError


def check_strengths(strengths: tuple[float, ...], most: float) -> None:
    """Refuse an empty list, and a λ that is not within 0 to `most`.

    Raises
    ------
    UsageError
        With the value and the limits.
    """
    if not strengths:
        raise UsageError("a sweep needs values of λ", remedy="give --lambda such as 0,20")
    for strength in strengths:
        if not 0 <= strength <= most:
            raise UsageError(f"--lambda {strength!r} is not within 0 to {most:,.0f}")
