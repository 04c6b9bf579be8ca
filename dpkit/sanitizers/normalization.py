"""Normalisation: D = (pixel / peak − mean) / std, per channel, before an image is morphed.

text                    meaning
none                    D = pixel / peak, from 0 to 1
imagenet                the usual RGB statistics of ImageNet
mean,std                one pair for every channel, as in "0.5,0.25"
mean,mean,mean,std,std,std   one pair a channel, means first
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Geometry

# torchvision's reference transforms; they stand in nearly every published training script.
_IMAGENET: Final = "0.485,0.456,0.406,0.229,0.224,0.225"
_STD_RANGE: Final = (1e-3, 10.0)
_REMEDY: Final = "give none, imagenet, or mean,std of values from 0 to 1, as in 0.5,0.25"


@dataclass(frozen=True, slots=True)
class Normalization:
    """Mean (0 to 1) and deviation (0.001 to 10) of each channel; one entry serves all channels.

    Raises
    ------
    UsageError
        A number is outside its range.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        low, high = _STD_RANGE
        if not all(0.0 <= m <= 1.0 for m in self.mean):
            raise UsageError(f"mean {self.mean} is not within 0 to 1", remedy=_REMEDY)
        if not all(low <= s <= high for s in self.std):
            raise UsageError(f"std {self.std} is not within {low} to {high}", remedy=_REMEDY)

    def check(self, geometry: Geometry) -> None:
        """Raise `UsageError` where the number of channels differs."""
        if len(self.mean) not in (1, geometry.channels):
            raise UsageError(
                f"normalisation for {len(self.mean)} channels, images have {geometry.channels}",
                remedy="give one mean,std for all channels, as in 0.5,0.25",
            )

    def affine(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return scale and bias [2,c], so that D = pixel * scale + bias."""
        repeats = geometry.channels // len(self.mean)
        scale = [1.0 / (geometry.peak * std) for std in self.std]
        bias = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        return np.array([scale * repeats, bias * repeats])


def parse(text: str) -> Normalization:
    """Read the text form of a normalisation.

    Raises
    ------
    UsageError
        The text is none of the four forms, or a number is out of range.

    Examples
    --------
    >>> parse("0.5,0.25")
    Normalization(mean=(0.5,), std=(0.25,))
    """
    if text == "none":
        return Normalization((0.0,), (1.0,))
    parts = (_IMAGENET if text == "imagenet" else text).split(",")
    if len(parts) not in (2, 6):
        raise UsageError(
            f"normalisation {text!r} has {len(parts)} numbers, not 2 or 6", remedy=_REMEDY
        )
    numbers = tuple(_number(part) for part in parts)
    half = len(numbers) // 2
    return Normalization(numbers[:half], numbers[half:])


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"normalisation: {text!r} is not a number", remedy=_REMEDY)
    return number
