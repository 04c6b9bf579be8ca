"""What a pixelated release holds: noisy means of square cells.

    symbol   here      meaning                                                 Fan 2018
    b        cell      pixels of a cell's side                                 b
    m        (none)    pixels in which neighbouring pictures differ            m
    ε        epsilon   of the differential privacy of such neighbours          ε
    λ        scale     of the Laplace noise, peak·m / (b² ε)                   peak m/(b²ε)

Fan, Image Pixelization with Differential Privacy (DBSec 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.types import Json
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """The public parameters, and the size of a picture in cells.

    Raises
    ------
    UsageError
        A parameter is missing, or not positive, or cells do not cover the images.
    """

    cell: int
    epsilon: float
    neighborhood: float
    peak: float

    @classmethod
    def of(cls, view: AdversaryView) -> Cells:
        """Read them from a view."""
        if reason := unreadable(view):
            raise UsageError(f"this attack {reason}")
        cell, epsilon, neighborhood = (_number(view.parameters, name) for name in _NAMES)
        return cls(int(cell), epsilon, neighborhood, view.geometry.peak)

    @property
    def scale(self) -> float:
        """λ, in grey levels."""
        return self.peak * self.neighborhood / (self.cell**2 * self.epsilon)

    def released(self, view: AdversaryView) -> Floats:
        """Return the released cells in grey levels, float64 [n,c,h/b,w/b]; some lie outside."""
        scale, bias = view.affine
        grey = (view.values.astype(np.float64) - bias[:, None, None]) / scale[:, None, None]
        full = (view.geometry.height, view.geometry.width)
        return self.means(np.moveaxis(grey, 1, -1)) if grey.shape[2:] == full else grey

    def means(self, pixels: NDArray[Any]) -> Floats:
        """Return the means of the cells of pictures [·,h,w,c], float64 [·,c,h/b,w/b]."""
        count, height, width, channels = pixels.shape
        b = self.cell
        cut = pixels.reshape(count, height // b, b, width // b, b, channels)
        return np.moveaxis(cut.mean(axis=(2, 4), dtype=np.float64), -1, 1)


def unreadable(view: AdversaryView) -> str:
    """Say why a release cannot be read as cells; empty where it can."""
    found = [_number(view.parameters, name) for name in _NAMES]
    if min(found) <= 0 or found[0] != int(found[0]):
        return f"needs a positive {', '.join(_NAMES)}, and the release says {dict(view.parameters)}"
    cell, shape = int(found[0]), view.geometry
    whole = (shape.height, shape.width)
    if whole[0] % cell or whole[1] % cell:
        return f"needs cells that cover the images, and {cell} does not divide {whole}"
    if view.values.shape[2:] not in {whole, (whole[0] // cell, whole[1] // cell)}:
        return f"needs one value a cell or a pixel, and has {view.values.shape[2:]}"
    return ""


_NAMES = ("cell", "epsilon", "neighborhood")


def _number(parameters: Mapping[str, Json], name: str) -> float:
    value = parameters.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
