"""A release under audit, with the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.normalization import parse
from dpkit.types import Company, ImageBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import AugConv, FirstConv, Geometry, Json, Secret


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """Sampled rows of a release, and what else an adversary may come to hold.

    Parameters
    ----------
    sanitizer, geometry
        With its public parameters.
    values, originals
        [n,c,h,w] as released and u8 or u16 [n,h,w,c], the same rows.
    labels
        int64 [n]; None where a row has not exactly one.
    groups
        [n], equal for rows of one group.
    others, other_labels
        [m,c,h,w] and int64 [m]: further released rows, of other groups.
    augconv, first_conv
        What was or may be handed over; None where nothing is.
    restored
        u8 or u16 [n,h,w,c]: what the key gives back of `values`; None where it cannot.
    public, public_name
        Pictures that the provider names as the adversary's, u8 or u16 [p,h,w,c]; and in words.
    """

    sanitizer: Sanitizer
    geometry: Geometry
    values: NDArray[Any]
    originals: NDArray[Any]
    labels: NDArray[np.int64] | None
    groups: NDArray[Any]
    others: NDArray[Any]
    other_labels: NDArray[np.int64]
    augconv: AugConv | None = None
    first_conv: FirstConv | None = None
    restored: NDArray[Any] | None = None
    public: NDArray[Any] | None = None
    public_name: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def parameters(self) -> dict[str, Json]:
        """The sanitizer's public parameters."""
        return parameters(self.sanitizer)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Scale and bias of the public normalisation, float64 [2,c]; grey levels have 1 and 0."""
        normalize = self.parameters.get("normalize")
        if not normalize or np.issubdtype(self.values.dtype, np.integer):
            return np.stack([np.ones(self.geometry.channels), np.zeros(self.geometry.channels)])
        return parse(str(normalize)).affine(self.geometry)


def batch_of(pixels: NDArray[Any], labels: NDArray[np.int64]) -> ImageBatch:
    """Return pixels [n,h,w,c] as a batch that is a shard of its own."""
    rows = np.arange(len(pixels))
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 1))
    names = np.array([f"{row:026d}".encode() for row in rows])
    return ImageBatch(
        pixels, labels, names, names, Company(planes, labels, rows, rows, "train"), rows
    )


def sanitized(
    sanitizer: Sanitizer,
    geometry: Geometry,
    pixels: NDArray[Any],
    labels: NDArray[np.int64],
    seed: Secret,
) -> NDArray[Any]:
    """Return released values [n,c,h,w] of pixels [n,h,w,c] under a key of their own."""
    key = sanitizer.fit(geometry, seed)
    return sanitizer.apply(batch_of(pixels, labels), key, geometry).values
