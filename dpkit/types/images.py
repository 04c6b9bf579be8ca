"""Images on their way: raw pixels and sanitized values are different types.

A function that writes to a release takes a `SanitizedBatch`; nothing but a sanitizer makes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Task: TypeAlias = Literal["none", "single", "multi", "regression"]
Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

ID_CHARACTERS = 26  # 128 bits in base32 without padding
UNKNOWN = 255  # a multi-label target that nobody has stated
MAX_SIDE = 65535  # pixels
NO_LABEL = -1  # the target of every row where task is "none"


@dataclass(frozen=True, slots=True)
class Geometry:
    """The shape and depth that all images of a release share.

    Parameters
    ----------
    channels
        α in the papers: 1 (grey) or 3 (RGB).
    height, width
        Pixels, 1 to 65535.
    depth
        Bits of a channel value before sanitizing: 8 or 16.
    """

    channels: int
    height: int
    width: int
    depth: int

    def __post_init__(self) -> None:
        limits = {"channels": (1, 3), "depth": (8, 16)}
        for name, allowed in limits.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} {getattr(self, name)} is not one of {allowed}")
        if not (1 <= self.height <= MAX_SIDE and 1 <= self.width <= MAX_SIDE):
            limit = f"1x1 to {MAX_SIDE}x{MAX_SIDE}"
            raise UsageError(f"size {self.height}x{self.width} is not within {limit}")

    @property
    def elements(self) -> int:
        """N = αhw, the length of an unrolled image D^r."""
        return self.channels * self.height * self.width

    @property
    def peak(self) -> int:
        """The largest channel value: 255 or 65535."""
        return int(2**self.depth - 1)

    @property
    def pixel_dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)  # noqa: PLR2004 (bits)


@dataclass(frozen=True, slots=True)
class Company:
    """The images among which a row of the same shard may find donors, private.

    `planes` u8 or u16 [m,c,h,w], the originals; `strata` int64 [m], the label that each may be
    mixed with; `groups` int64 [m], equal for images of one group; `numbers` int64 [m], each row's
    place in the whole plan, which names its draws. `part` is the part of them all.
    """

    planes: NDArray[Any]
    strata: NDArray[np.int64]
    groups: NDArray[np.int64]
    numbers: NDArray[np.int64]
    part: Part

    def __post_init__(self) -> None:
        _same_length(self.planes, self.strata, self.groups, self.numbers)

    def __len__(self) -> int:
        return len(self.planes)


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Raw images, private.

    `pixels` u8 or u16 [n,h,w,c]; `targets` int64 [n], uint8 [n,classes] or float32 [n,k];
    `ids` and `groups` S26 [n], the pseudonyms under which the rows may be published. For a
    sanitizer that mixes, `company` is its shard and `places` int64 [n] where in it these rows are.
    """

    pixels: NDArray[Any] = field(repr=False)
    targets: NDArray[Any] = field(repr=False)
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]
    company: Company | None = None
    places: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        _same_length(self.pixels, self.targets, self.ids, self.groups)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class SanitizedBatch:
    """Sanitized rows: the only batch that a shard writer accepts.

    `values` [n,c,h,w] float32, float16, uint8 or uint16; the other columns as in `ImageBatch`.
    """

    values: NDArray[Any]
    targets: NDArray[Any]
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]

    def __post_init__(self) -> None:
        _same_length(self.values, self.targets, self.ids, self.groups)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.bool_]) -> SanitizedBatch:
        """Return the rows where the mask [n] is true."""
        columns = (self.values, self.targets, self.ids, self.groups)
        return SanitizedBatch(*(column[rows] for column in columns))


class ImageSource(Protocol):
    """Where raw images come from, once the plan has named the rows."""

    @property
    def geometry(self) -> Geometry:
        """The shape and depth of every decoded image."""

    def decode(self, path: str, sha256: bytes) -> NDArray[Any]:
        """Return one image, u8 or u16 [h,w,c], by its path relative to the source.

        Raises
        ------
        UnreadableImageError
            The file is gone, is not the planned bytes any more, or does not decode.
        """

    def describe(self) -> Mapping[str, Json]:
        """Return the public reading rules (fit, matte, depth rule), for the manifest."""


def _same_length(*columns: NDArray[Any]) -> None:
    lengths = {len(column) for column in columns}
    if len(lengths) != 1:
        raise ValueError(f"columns of a batch differ in length: {sorted(lengths)}")
