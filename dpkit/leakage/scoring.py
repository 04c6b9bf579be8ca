"""How near to the originals an attack came. Originals are used here and nowhere else.

PSNR, SSIM   of recovered images, as they are (`leakage.metrics`)
|NCC|        correlation over the pixels of an image, its sign dropped
best view    of each image the channel that scores highest, contrast and sign fitted to the
             original by least squares: chosen with the original, so an upper bound
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.kernels.ssim import ssim_mse_unstretched
from dpkit.leakage.contrast import IDENTICAL_DB, gain_and_ncc, grey
from dpkit.leakage.metrics import score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Json

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """One figure over all images: its mean, of the worst image, and of the least hurt one.

    The worst image is the one most like its original, the highest figure.
    """

    mean: float
    worst: float
    least: float

    @classmethod
    def of(cls, figures: Floats) -> Score | None:
        """Take figures [n]; None where they are not defined (images below 3 pixels)."""
        if np.isnan(figures).any():
            return None
        return cls(float(figures.mean()), float(figures.max()), float(figures.min()))

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {"mean": self.mean, "worst": self.worst, "least": self.least}


def score_images(
    originals: NDArray[Any], images: Floats, peak: int
) -> tuple[Score | None, Score | None]:
    """Return PSNR in decibels and SSIM of recovered images [n,h,w,c] in grey levels.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c]; made grey where the recovered images are.
    """
    truth = originals if images.shape[3] == originals.shape[3] else grey(originals)
    found = score(truth, np.moveaxis(images, -1, 1).astype(np.float32), peak, stretch=False)
    return Score.of(np.minimum(found["psnr"], IDENTICAL_DB)), Score.of(found["ssim"])


def score_views(
    originals: NDArray[Any], views: NDArray[Any], peak: int
) -> tuple[Score | None, Score | None]:
    """Return SSIM and |NCC| of the best view of each image.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c]; compared as grey.
    views
        [n,k,h,w], k views of each image.
    """
    truth = grey(originals)
    ssim, ncc = (np.full(views.shape[:2], np.nan) for _ in range(2))
    for view in range(views.shape[1]):
        fitted, ncc[:, view] = _fitted(truth, views[:, view].astype(np.float64))
        ssim[:, view], _ = ssim_mse_unstretched(truth, fitted[:, None], peak)
    return Score.of(ssim.max(axis=1)), Score.of(ncc.max(axis=1))


def _fitted(truth: NDArray[Any], view: Floats) -> tuple[Floats, Floats]:
    """Return one view of each image [n,h,w] on its original's scale, and |NCC| [n]."""
    pixels = truth[..., 0].astype(np.float64)
    means = [planes.mean(axis=(1, 2), keepdims=True) for planes in (pixels, view)]
    wanted, seen = pixels - means[0], view - means[1]
    both, square, wanted_square = (
        (a * b).sum(axis=(1, 2), keepdims=True)
        for a, b in ((wanted, seen), (seen, seen), (wanted, wanted))
    )
    gain, ncc = gain_and_ncc(both, square, wanted_square)
    return gain * seen + means[0], ncc[:, 0, 0]
