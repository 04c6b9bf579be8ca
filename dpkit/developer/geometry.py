"""The geometry of a convolution, as a command line gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dpkit.developer.firstconv import zeros_around
from dpkit.errors import UsageError

_WHOLES: Final = re.compile(r"[0-9]{1,5}([,x][0-9]{1,5}){0,3}")
_SIDES: Final = 4  # top, bottom, left, right


@dataclass(frozen=True, slots=True)
class ConvOptions:
    """What a state dict does not hold; None stands for torch's own default.

    `2` is for both directions, `2,1` or `2x1` for down and across; padding may also be `same`,
    `valid`, or four numbers: top, bottom, left, right.
    """

    stride: str | None = None
    padding: str | None = None
    dilation: str | None = None
    groups: int | None = None

    @property
    def is_given(self) -> bool:
        """Say whether any of them was given."""
        return any(v is not None for v in (self.stride, self.padding, self.dilation, self.groups))

    def zeros(self, kernel: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return zeros at top, bottom, left and right.

        Raises
        ------
        UsageError
            The text is none of the forms, or `same` stands beside a stride.
        """
        text = self.padding or "0"
        if text == "same" and pair("stride", self.stride or "1") != (1, 1):
            raise UsageError("padding 'same' goes with stride 1 only", remedy="give four numbers")
        if text in ("same", "valid"):
            return zeros_around(text, kernel, pair("dilation", self.dilation or "1"))
        if len(numbers := _numbers("padding", text)) == _SIDES:
            top, bottom, left, right = numbers
            return (top, bottom, left, right)
        return zeros_around(pair("padding", text), kernel, (1, 1))


def pair(what: str, text: str) -> tuple[int, int]:
    """Read `2`, `2,1` or `2x1`.

    Raises
    ------
    UsageError
        The text is none of them.

    Examples
    --------
    >>> pair("stride", "2"), pair("input size", "32x48")
    ((2, 2), (32, 48))
    """
    numbers = _numbers(what, text)
    if len(numbers) > 2:  # noqa: PLR2004 (a pair)
        raise UsageError(f"{what} {text!r} has {len(numbers)} numbers", remedy="give one or two")
    return numbers[0], numbers[-1]


def _numbers(what: str, text: str) -> tuple[int, ...]:
    if not _WHOLES.fullmatch(text):
        raise UsageError(
            f"{what} {text[:40]!r} is no whole number", remedy="give one, as 2, or two, as 2,1"
        )
    return tuple(map(int, re.split("[,x]", text)))
