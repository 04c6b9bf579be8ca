"""A release under audit, with the truth about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.normalization import parse
from dpkit.types import Company, ImageBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import AugConv, FirstConv, Geometry, Json, Key, Secret

AT_ONCE: Final = 32  # pictures that are sanitized together


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """Sampled rows of a release, and what else an adversary may come to hold.

    Parameters
    ----------
    sanitizer, geometry
        With its public parameters.
    values, originals
        [n,c',h',w'] as released and u8 or u16 [n,h,w,c], the same rows.
    labels
        int64 [n]; None where a row has not exactly one.
    groups
        [n], equal for rows of one group.
    others, other_labels
        [m,c',h',w'] and int64 [m]: further released rows, of other groups.
    augconv, first_conv
        What was or may be handed over; None where nothing is.
    restored
        u8 or u16 [n,h,w,c]: what the key gives back of `values`; None where it cannot.
    public, public_name
        Pictures that the provider names as the adversary's, u8 or u16 [p,h,w,c]; and in words.
    encoder
        What makes the values of pictures, a torch function as in `AdversaryView`: held by
        everybody where the sanitizer is not keyed, else with the key alone. None without one.
    treat
        From pictures [p,h,w,c] to their values, where everybody can do that; else None.
    versions
        [n,c',h',w'] each: the same rows in earlier releases. A row that is not in one stands
        there as it stands here, which tells nothing.
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
    encoder: Callable[[Any], Any] | None = None
    treat: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    versions: tuple[NDArray[Any], ...] = ()

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


def with_treatment(subject: Subject, key: Key) -> Subject:
    """Return the subject with its encoder, and the treatment where everybody can apply it."""
    sanitizer, geometry = subject.sanitizer, subject.geometry
    encoder = sanitizer.encoder(key, geometry)
    if sanitizer.is_keyed:
        return replace(subject, encoder=encoder)
    return replace(subject, encoder=encoder, treat=partial(_treated, sanitizer, geometry, key))


def _treated(
    sanitizer: Sanitizer, geometry: Geometry, key: Key, pixels: NDArray[Any]
) -> NDArray[Any]:
    pieces = [pixels[start : start + AT_ONCE] for start in range(0, len(pixels), AT_ONCE)]
    batches = (batch_of(piece, np.zeros(len(piece), np.int64)) for piece in pieces)
    return np.concatenate([sanitizer.apply(batch, key, geometry).values for batch in batches])
