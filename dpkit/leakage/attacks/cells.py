"""What a pixelated release holds: noisy means of square cells.

    symbol   here       meaning                                                  Fan 2018
    b        cell       pixels of a cell's side; less at a ragged edge           b
    a        areas      pixels of each cell                                      b²
    m        (none)     pixels in which neighbouring pictures differ             m
    ε        epsilon    of the differential privacy of such neighbours           ε
    c        shares     channels among which ε is divided; 1 where each has it   1
    λ        scales     of the noise on the mean of a cell, peak·m·c / (a ε)     peak m/(b²ε)

Fan, Image Pixelization with Differential Privacy (DBSec 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError
from dpkit.kernels.pixelate import cell_areas, cell_sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.types import Geometry, Json
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """The public parameters, and the size of the pictures that were cut into cells.

    Raises
    ------
    UsageError
        A parameter is missing, or not positive, or values do not fit the cells.
    """

    cell: int
    epsilon: float  # as the command has it: of all channels, or of each
    neighborhood: float
    is_divided: bool  # whether the channels share ε
    geometry: Geometry

    @classmethod
    def of(cls, view: AdversaryView) -> Cells:
        """Read them from a view."""
        if reason := unreadable(view):
            raise UsageError(f"this attack {reason}")
        cell, epsilon, neighborhood = (_number(view.parameters, name) for name in _NAMES)
        is_divided = view.parameters.get("per_channel") is not True
        return cls(int(cell), epsilon, neighborhood, is_divided, view.geometry)

    @property
    def total_epsilon(self) -> float:
        """ε of a picture, all its channels together."""
        return self.epsilon * (1 if self.is_divided else self.geometry.channels)

    @property
    def areas(self) -> NDArray[np.int64]:
        """a, int64 [⌈h/b⌉,⌈w/b⌉]."""
        return cell_areas(self.geometry.height, self.geometry.width, self.cell)

    @property
    def scales(self) -> Floats:
        """λ of each cell in grey levels, float64 [⌈h/b⌉,⌈w/b⌉]."""
        shares = self.geometry.channels if self.is_divided else 1
        of_sums = self.geometry.peak * self.neighborhood * shares / self.epsilon
        return np.asarray(of_sums / self.areas, dtype=np.float64)

    @property
    def noise(self) -> float:
        """Variance of the noise on a mean, 2 λ², on average over the cells."""
        return float(2 * (self.scales**2).mean())

    def released(self, view: AdversaryView) -> Floats:
        """Return the released cells in grey levels, float64 [n,c,⌈h/b⌉,⌈w/b⌉]."""
        scale, bias = view.affine
        grey = (view.values.astype(np.float64) - bias[:, None, None]) / scale[:, None, None]
        full = (view.geometry.height, view.geometry.width)
        step = self.cell if grey.shape[2:] == full else 1
        return np.asarray(grey[:, :, ::step, ::step], dtype=np.float64)

    def means(self, pixels: NDArray[Any]) -> Floats:
        """Return the means of the cells of pictures u8 or u16 [·,h,w,c], [·,c,⌈h/b⌉,⌈w/b⌉]."""
        sums = np.empty((len(pixels), pixels.shape[3], *self.areas.shape), np.int64)
        cell_sums(pixels, self.cell, sums)
        return np.asarray(sums / self.areas, dtype=np.float64)


def unreadable(view: AdversaryView) -> str:
    """Say why a release cannot be read as cells; empty where it can."""
    found = [_number(view.parameters, name) for name in _NAMES]
    if min(found) <= 0 or found[0] != int(found[0]):
        return f"needs a positive {', '.join(_NAMES)}, and the release says {dict(view.parameters)}"
    cell, shape = int(found[0]), view.geometry
    whole = (shape.height, shape.width)
    if view.values.shape[2:] not in {whole, (-(-whole[0] // cell), -(-whole[1] // cell))}:
        return f"needs one value a cell or a pixel, and has {view.values.shape[2:]}"
    return ""


_NAMES = ("cell", "epsilon", "neighborhood")


def _number(parameters: Mapping[str, Json], name: str) -> float:
    value = parameters.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
