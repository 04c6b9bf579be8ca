"""What a differentially private sanitizer promises of one released image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction


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
