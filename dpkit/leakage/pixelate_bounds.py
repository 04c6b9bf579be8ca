"""Differentially private pixelation: what is proven of it, and its paper's scale, judged.

Fan, "Image Pixelization with Differential Privacy" (DBSec 2018), as "Privacy Partitioning"
gives it in Appendix D, Algorithm 2.

    symbol   here           meaning
    b        cell           side of a cell in pixels
    ε        epsilon        of one channel where `per_channel`, else of all together
    m        neighborhood   pixels in which neighbouring images differ
    c        channels       of the image
    p        peak           the largest grey level

Neighbours make any result at most e^ε times as likely. Each changed pixel costs ε/m, so for images
that differ in n pixels, more than m or fewer, the factor is e^(ε·n/m) at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log
from typing import TYPE_CHECKING, Self

from dpkit.errors import UsageError
from dpkit.types.bound import Bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Geometry, Json


@dataclass(frozen=True, slots=True)
class _Scheme:
    """The public parameters as numbers, with ε of all channels together."""

    cell: int
    neighborhood: int
    epsilon: float
    total: float
    geometry: Geometry

    @classmethod
    def of(cls, parameters: Mapping[str, Json], geometry: Geometry) -> Self:
        epsilon = parameters.get("epsilon")
        if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or epsilon <= 0:
            raise UsageError(f"epsilon {epsilon!r} is not a number above 0")
        if not isfinite(epsilon):
            raise UsageError(f"epsilon {epsilon!r} is not finite")
        shares = geometry.channels if parameters.get("per_channel") is True else 1
        cell, neighborhood = _whole(parameters, "cell"), _whole(parameters, "neighborhood")
        return cls(cell, neighborhood, epsilon, epsilon * shares, geometry)

    @property
    def pixels(self) -> str:
        return f"{self.neighborhood:,} pixel{'s' if self.neighborhood > 1 else ''}"

    @property
    def area(self) -> int:
        """hw, the pixels in which any image may differ from any other."""
        return self.geometry.height * self.geometry.width

    @property
    def published_scale(self) -> float:
        """The paper's scale of noise on a mean, in grey levels."""
        return self.geometry.peak * self.neighborhood / (self.cell**2 * self.epsilon)


def promise_sentence(parameters: Mapping[str, Json], geometry: Geometry, _images: int) -> str:
    """Return what is promised of an image and what is not; without a full stop.

    Raises
    ------
    UsageError
        A parameter is no number of the range that pixelation takes.
    """
    scheme = _Scheme.of(parameters, geometry)
    show = "show" if scheme.neighborhood > 1 else "shows"
    return (
        f"What {scheme.pixels} of an image {show} is {scheme.total:g}-differentially private in "
        "one release of it; a person who fills more of it, or stands in several, is protected "
        "less, and further releases add to ε"
    )


def pixelate_bounds(parameters: Mapping[str, Json], geometry: Geometry) -> tuple[Bound, ...]:
    """Return what holds of neighbours, what of a whole image, and the paper's scale.

    Raises
    ------
    UsageError
        A parameter is no number of the range that pixelation takes.
    """
    scheme = _Scheme.of(parameters, geometry)
    return _neighbours(scheme), _whole_image(scheme), _published(scheme)


def _whole(parameters: Mapping[str, Json], name: str) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} {value!r} is not a whole number from 1")
    return value


def _power(exponent: float) -> str:
    """Return e^x with its size as a power of ten."""
    return f"e^{exponent:,.6g} = 10^{exponent / log(10):,.3g}"


def _neighbours(scheme: _Scheme) -> Bound:
    return Bound(
        name="Differential privacy",
        equation="Algorithm 2",
        claim="Images that differ in m pixels make any result at most e^ε times as likely; here "
        f"m is {scheme.neighborhood:,}.",
        value=_power(scheme.total),
        log2=None,
        log10=None,
        unit="factor",
        holds=True,
        reason="One changed pixel changes the sum of its own cell by at most the largest grey "
        "level in each channel, so m pixels change all sums together by at most m times that, and "
        "the noise is drawn exactly for this. It holds for images as they are once read and "
        "resized. It is one release of one image: k releases cost k times ε.",
    )


def _whole_image(scheme: _Scheme) -> Bound:
    return Bound(
        name="A whole image",
        equation="ε·hw/m",
        claim="The same for two images that differ everywhere, such as those of two people.",
        value=_power(scheme.total * scheme.area / scheme.neighborhood),
        log2=None,
        log10=None,
        unit="factor",
        holds=True,
        reason=f"Each of {scheme.area:,} pixels costs ε/m. Where this factor is large, nothing is "
        "promised of who is in a picture.",
    )


def _published(scheme: _Scheme) -> Bound:
    shape = scheme.geometry
    faults = []
    if shape.channels > 1:
        faults.append(f"an image of {shape.channels} channels would cost {shape.channels} times ε")
    if shape.height % scheme.cell or shape.width % scheme.cell:
        faults.append("the smaller cells at the edges have fewer pixels to hide one among")
    found = " and ".join(faults)
    return Bound(
        name="Noise of a mean",
        equation="255·m/(b²·ε)",
        claim="Laplace noise of this scale on the mean of each cell gives ε.",
        value=f"{scheme.published_scale:,.4g} grey levels",
        log2=None,
        log10=None,
        unit="grey levels",
        holds=not faults,
        reason=f"It counts one channel and whole cells: {found}. The noise of this release allows "
        "for that."
        if faults
        else "For one channel and whole cells it is right, and this release has that noise.",
    )
