"""A map that everybody should be able to turn back: what learned attacks are tried on.

    symbol   here       meaning
    s        cell       pixels of a place of the map, down and across: ⌈h/h'⌉, ⌈w/w'⌉
    K        kept       min(β, c s_h s_w): of each cell, so many cosines of lowest frequency
    Q        mixing     [β,K], orthonormal columns, drawn once: channels are mixtures of cosines

The map is linear and has no noise, works cell by cell, and keeps all of the picture where it has
as many values (Ahmed, Natarajan and Rao, "Discrete Cosine Transform", 1974). Its shape and type are
those of a release, so that whoever cannot turn it back has too few pairs or too little time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from dpkit.types import Geometry

    Shape = tuple[int, int, int]

AT_ONCE = 64  # pictures


@dataclass(frozen=True, slots=True, eq=False)
class KnownMap:
    """Pictures [n,c,h,w] of 0 to 1 to values [n,β,h',w'], a torch function.

    Parameters
    ----------
    size
        h', w'.
    down, across
        Cosines along a cell, orthonormal, [s_h,s_h] and [s_w,s_w].
    chosen
        int64 [K]: which of the c s_h s_w cosines of a cell are kept.
    mixing
        Q.
    """

    size: tuple[int, int]
    down: Tensor
    across: Tensor
    chosen: Tensor
    mixing: Tensor

    @classmethod
    def of(cls, geometry: Geometry, shape: Shape) -> KnownMap:
        """Make the map from pictures of a geometry to values of a shape (β, h', w')."""
        channels, *(height, width) = shape
        high, wide = -(-geometry.height // height), -(-geometry.width // width)
        frequency = np.add.outer(np.arange(high) / high, np.arange(wide) / wide)
        of_cell = np.broadcast_to(frequency, (geometry.channels, high, wide)).reshape(-1)
        chosen = np.argsort(of_cell, kind="stable")[:channels]
        drawn = np.random.default_rng(channels).standard_normal((channels, len(chosen)))
        mixing = np.linalg.qr(drawn)[0].astype(np.float32)
        return cls(
            (height, width), _cosines(high), _cosines(wide),
            torch.from_numpy(chosen), torch.from_numpy(mixing),
        )  # fmt: skip

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the values."""
        (height, width), high, wide = self.size, len(self.down), len(self.across)
        if pictures.shape[2:] != (height * high, width * wide):
            pictures = interpolate(pictures, size=(height * high, width * wide), mode="bilinear")
        cells = pictures.reshape(*pictures.shape[:2], height, high, width, wide)
        waves = torch.einsum("ncyixj,ki,lj->ncklyx", cells, self.down, self.across)
        return torch.einsum("bk,nkyx->nbyx", self.mixing, waves.flatten(1, 3)[:, self.chosen])

    def values(self, pixels: NDArray[Any], peak: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the values of pixels [n,h,w,c] in a released type.

        Integers are put on the whole range of their type.
        """
        planes = np.moveaxis(pixels, -1, 1).astype(np.float32) / np.float32(peak)
        parts = torch.split(torch.from_numpy(np.ascontiguousarray(planes)), AT_ONCE)
        with torch.no_grad():
            found = torch.cat([self(part) for part in parts]).numpy()
        if not np.issubdtype(dtype, np.integer):
            return np.asarray(found, dtype)
        low, span = found.min(), max(float(np.ptp(found)), 1e-6)
        return np.asarray(np.rint((found - low) * (np.iinfo(dtype).max / span)), dtype)


def _cosines(length: int) -> Tensor:
    """Return the orthonormal cosine transform [length,length], the constant first."""
    place = np.arange(length)
    waves = np.cos(np.pi * np.outer(place, place + 0.5) / length) * np.sqrt(2 / length)
    waves[0] /= np.sqrt(2)
    return torch.from_numpy(waves.astype(np.float32))
