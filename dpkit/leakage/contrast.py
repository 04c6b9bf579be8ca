"""Contrast and sign of a recovered picture, fitted to its original; colour left out of both.

gain   (Σ wanted·seen) / (Σ seen²) over centred pixels, 0 for a picture of one value
|NCC|  |Σ wanted·seen| / √(Σ wanted² · Σ seen²), 0 where one of them is of one value
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

IDENTICAL_DB: Final = 200.0  # stands for an infinite PSNR


def grey(originals: NDArray[Any]) -> NDArray[Any]:
    """Return the mean over channels, in the type of the originals, [n,h,w,1]."""
    mean = np.rint(originals.mean(axis=3, keepdims=True))
    return np.asarray(mean, dtype=originals.dtype)


def gain_and_ncc(both: Floats, seen: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Return the gain that least squares gives each image, and |NCC|.

    Parameters
    ----------
    both, seen, wanted
        By image, of any one shape: Σ wanted·seen, Σ seen² and Σ wanted² over centred pixels.
    """
    gain = np.divide(both, seen, out=np.zeros_like(both), where=seen > 0)
    norm = np.sqrt(seen * wanted)
    return gain, np.divide(np.abs(both), norm, out=np.zeros_like(both), where=norm > 0)
