"""What a differentially private sanitizer promises of one released image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fractions import Fraction

_PLACES: Final = 12


@dataclass(frozen=True, slots=True)
class Guarantee:
    """ε-differential privacy of one image for images that differ in at most m pixels.

    Parameters
    ----------
    epsilon
        Of the whole released image, all channels together; above 0, exact.
    neighborhood
        m, pixels (each with all its channels), 1 or more.
    """

    epsilon: Fraction
    neighborhood: int

    @property
    def per_pixel(self) -> Fraction:
        """ε/m: what one changed pixel costs; it adds up over pixels and over releases."""
        return self.epsilon / self.neighborhood

    @property
    def text(self) -> str:
        """ε as `said`."""
        return said(self.epsilon)


def said(value: Fraction) -> str:
    """Return a number as exact text: a decimal where it has at most 12 places, else a fraction.

    Examples
    --------
    >>> from fractions import Fraction
    >>> said(Fraction(5, 2)), said(Fraction(1, 3))
    ('2.5', '1/3')
    """
    if (10**_PLACES) % value.denominator:
        return f"{value.numerator}/{value.denominator}"
    places = next(p for p in range(_PLACES + 1) if not 10**p % value.denominator)
    digits = f"{value.numerator * 10**places // value.denominator:0{places + 1}d}"
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
