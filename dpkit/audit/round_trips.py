"""How exactly the key restores the originals, on a sample drawn by the release secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.rng import Stream, derive
from dpkit.types.evidence import RoundTrip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Geometry, Key, Secret


def sample_rows(rows: int, count: int, secret: Secret) -> NDArray[np.int64]:
    """Return up to `count` of `rows` row numbers, in an order that only the provider knows."""
    return Stream(derive(secret, "audit sample")).permutation(rows)[:count]


class RoundTrips:
    """How far restored pixels are from their originals, over the batches that are added."""

    def __init__(self, sanitizer: Sanitizer, key: Key, geometry: Geometry) -> None:
        self._restore = sanitizer.restore
        self._key = key
        self._geometry = geometry
        self._worst = 0
        self._total = 0.0
        self._exact = 0
        self._images = 0

    def add(self, originals: NDArray[Any], values: NDArray[Any]) -> None:
        """Restore released values [n,c,h,w] and compare with originals [n,h,w,c]."""
        self.add_restored(originals, self._restore(values, self._key, self._geometry))

    def add_restored(self, originals: NDArray[Any], restored: NDArray[Any]) -> None:
        """Compare restored pixels [n,h,w,c] with originals of the same shape."""
        restored = restored.astype(np.int32)
        error = np.abs(restored - originals)
        self._worst = max(self._worst, int(error.max()))
        self._total += float(error.mean(axis=(1, 2, 3), dtype=np.float64).sum())
        self._exact += int((error.max(axis=(1, 2, 3)) == 0).sum())
        self._images += len(originals)

    def result(self) -> RoundTrip:
        """Return the error in grey levels over everything added."""
        return RoundTrip(float(self._worst), self._total / self._images, self._exact / self._images)
