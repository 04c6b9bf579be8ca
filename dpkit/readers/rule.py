"""The read rule: how files of any size, colour and depth become one geometry.

It is chosen once from a scan and the user's options, sealed with the data key, and its public
part stands in the manifest. Applied in this order, each step stated in `docs/reading.md`:
orientation and matte (decode) → colour → depth → size → grey repeated to RGB.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args

import numpy as np
from PIL import Image

from dpkit.errors import IntegrityError, UnreadableImageError, UsageError
from dpkit.readers.resize import PAD_VALUE, RESAMPLING, Fit, resize
from dpkit.types import Geometry, Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColourRule: TypeAlias = Literal["repeat-grey", "equal-channels", "luma"]
DepthRule: TypeAlias = Literal["keep", "high-byte", "times-257"]

_COLOUR_NDIM: Final = 3
_CHOICES: Final = {"fit": Fit, "colour_rule": ColourRule, "depth_rule": DepthRule}


@dataclass(frozen=True, slots=True)
class ReadRule:
    """How every image of a data key is read.

    Parameters
    ----------
    geometry
        What all images become.
    fit
        `none` quarantines other sizes; `pad`, `crop`, `stretch` as `resize.place`.
    colour_rule
        `repeat-grey` (RGB: a grey value three times), `equal-channels` (grey: a colour file
        is kept if its channels are equal, else quarantined) or `luma` (grey: ITU-R 601).
    matte
        Grey level 0 to 255 under transparency.
    depth_rule
        `keep` quarantines the other depth, `high-byte` makes 8 bits as v >> 8, `times-257`
        makes 16 bits as 257·v.
    """

    geometry: Geometry
    fit: Fit
    colour_rule: ColourRule
    matte: int
    depth_rule: DepthRule

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in get_args(allowed):
                raise UsageError(f"{name} {getattr(self, name)!r} is not of {get_args(allowed)}")
        if not 0 <= self.matte <= 255:  # noqa: PLR2004 (a grey level)
            raise UsageError(f"matte {self.matte} is not a grey level of 0 to 255")

    @property
    def reduces_deep(self) -> bool:
        """True where 16-bit colour may be read as its high bytes."""
        return self.depth_rule == "high-byte"

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return decoded pixels [h,w] or [h,w,3] in the rule's geometry, [h,w,c].

        Raises
        ------
        UnreadableImageError
            The rule does not admit this image.
        """
        geometry = self.geometry
        pixels = self._deepen(self._recolour(pixels))
        size = (geometry.height, geometry.width)
        if self.fit == "none" and pixels.shape[:2] != size:
            found = "x".join(map(str, pixels.shape[:2]))
            raise UnreadableImageError(f"{found} pixels where all others have {size[0]}x{size[1]}")
        pixels = resize(pixels, size, self.fit)
        if pixels.ndim == _COLOUR_NDIM:
            return np.ascontiguousarray(pixels)
        return np.repeat(pixels[..., np.newaxis], geometry.channels, axis=-1)

    def _recolour(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if pixels.ndim != _COLOUR_NDIM or self.geometry.channels == _COLOUR_NDIM:
            return pixels
        if self.colour_rule == "luma":
            return np.asarray(Image.fromarray(pixels).convert("L"))
        red = pixels[..., 0]
        if not ((red == pixels[..., 1]).all() and (red == pixels[..., 2]).all()):
            raise UnreadableImageError("colour image among grey ones")
        return np.ascontiguousarray(red)

    def _deepen(self, pixels: NDArray[Any]) -> NDArray[Any]:
        wanted = self.geometry.pixel_dtype
        if pixels.dtype == wanted:
            return pixels
        if self.depth_rule == "high-byte" and wanted == np.uint8:
            return (pixels >> 8).astype(np.uint8)
        if self.depth_rule == "times-257" and wanted == np.uint16:
            return pixels.astype(np.uint16) * np.uint16(257)
        bits = 8 * pixels.dtype.itemsize
        raise UnreadableImageError(f"{bits}-bit image among {self.geometry.depth}-bit ones")

    def describe(self) -> dict[str, Json]:
        """Return the public reading rules, for the manifest."""
        public: dict[str, Json] = {f.name: getattr(self, f.name) for f in fields(self)[1:]}
        return public | {
            "resampling": RESAMPLING,
            "pad_value": PAD_VALUE,
            "orientation": "EXIF applied",
            "colour_profile": "ignored",
            "metadata": "dropped",
        }

    def to_json(self) -> dict[str, Json]:
        """Return the whole rule, to be sealed with the data key."""
        return cast("dict[str, Json]", asdict(self))

    @classmethod
    def from_json(cls, record: Json) -> ReadRule:
        """Read back what `to_json` wrote.

        Raises
        ------
        IntegrityError
            The record is of another form.
        """
        try:
            values = dict(cast("dict[str, Any]", record))
            return cls(**{**values, "geometry": Geometry(**values["geometry"])})
        except (TypeError, KeyError, ValueError, UsageError) as error:
            raise IntegrityError(f"the sealed read rule is not of this form: {error}") from None
