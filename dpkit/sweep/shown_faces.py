"""In how many of an attacker's pictures a face is found, where it can be looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.faces import Faces, are_available, fitted_to
from dpkit.sweep.perceived import spaced

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SMALLEST: Final = 16  # pixels a side: on faces of 25x25 the detector still finds nine in ten


@dataclass(frozen=True, slots=True, eq=False)
class OriginalFaces:
    """Faces of some originals.

    Parameters
    ----------
    share
        Of these originals, those in which a face is found; above 0.
    """

    share: float
    _faces: Faces

    def shown(self, pictures: Tensor) -> float:
        """Return in which share of some pictures [n,c,h,w] of 0 to 1 a face is found."""
        return _share(self._faces.detect(_grey_levels(pictures)))


def original_faces(truth: Tensor) -> OriginalFaces | None:
    """Look for faces in some originals [n,c,h,w] of 0 to 1.

    None where the extra `faces` is not installed, a side is below 16 pixels, or none is found.
    """
    if not are_available() or min(truth.shape[2:]) < SMALLEST:
        return None
    faces, found = fitted_to(_grey_levels(truth))
    share = _share(found)
    return OriginalFaces(share, faces) if share else None


def _grey_levels(pictures: Tensor) -> NDArray[np.uint8]:
    seen = pictures.numpy()[spaced(len(pictures))]
    shown = np.clip(np.moveaxis(seen, 1, -1), 0, 1)
    levels: NDArray[np.uint8] = np.rint(255 * shown).astype(np.uint8)
    return levels


def _share(found: list[NDArray[Any]]) -> float:
    return sum(len(boxes) > 0 for boxes in found) / len(found)
