"""How near to the originals recovered images come. Originals are used for this and nothing else.

What an attacker could do by eye is given away for free: contrast, brightness and sign are fitted
to each original by least squares (one gain and one offset an image), a picture may be mirrored,
and noise may be filtered first. A guess is scored in the same way, so that it gains as much.

PSNR, SSIM   of the picture as it is or fitted, whichever is the higher (`leakage.metrics`)
|NCC|        correlation over all values of an image, its sign dropped
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.ssim import ssim_mse_unstretched
from dpkit.leakage.intervals import bootstrap_mean, exact_share
from dpkit.leakage.scoring import grey
from dpkit.types.audit import ImageScores, Spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

IDENTICAL_DB: Final = 200.0  # stands for an infinite PSNR
HALF: Final = 0.5  # SSIM from which a picture is recognised
NEAR: Final = 0.9  # and is the original to the eye


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """One figure an image, float64 [n]; `ssim` is NaN where it is not defined."""

    ssim: Floats
    psnr: Floats
    ncc: Floats

    def __len__(self) -> int:
        return len(self.psnr)

    @classmethod
    def best_of(cls, recoveries: Iterable[Recovery]) -> Recovery:
        """Return the best of several, image by image and measure by measure."""
        every = list(recoveries)
        columns = ([getattr(one, name) for one in every] for name in ("ssim", "psnr", "ncc"))
        return cls(*(np.max(column, axis=0) for column in columns))

    def scores(self, seed: int = 0) -> ImageScores:
        """Return mean with interval, 95th percentile and best recovered image of each measure."""
        is_defined = not np.isnan(self.ssim).any()
        return ImageScores(
            n=len(self),
            ssim=_spread(self.ssim, seed) if is_defined else None,
            psnr=_spread(self.psnr, seed),
            ncc=_spread(self.ncc, seed),
            share_50=exact_share(int((self.ssim >= HALF).sum()), len(self)) if is_defined else None,
            share_90=exact_share(int((self.ssim >= NEAR).sum()), len(self)) if is_defined else None,
        )


def recovery(originals: NDArray[Any], images: NDArray[Any], peak: int) -> Recovery:
    """Score recovered images.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c]; compared as grey where the images are.
    images
        float [n,h,w,c or 1] in grey levels, on any contrast.
    """
    truth = originals if images.shape[3] == originals.shape[3] else grey(originals)
    shown = np.asarray(images, np.float64)
    mirrored = shown[:, :, ::-1]
    gains, ncc = _fit(truth, shown)
    other_gains, other_ncc = _fit(truth, mirrored)
    flips = other_ncc > ncc
    turned = np.where(flips[:, None, None, None], mirrored, shown)
    best_gains = np.where(flips[:, None], other_gains, gains)
    fitted = turned * best_gains[:, 0, None, None, None] + best_gains[:, 1, None, None, None]
    ways = [_compared(truth, picture, peak) for picture in (shown, fitted)]
    ssim, psnr = (np.fmax(a, b) for a, b in zip(*ways, strict=True))
    return Recovery(ssim, psnr, np.maximum(ncc, other_ncc))


def best_candidate(originals: NDArray[Any], candidates: NDArray[Any], peak: int) -> Recovery:
    """Score the best of several grey pictures [n,k,h,w] of each image: an upper bound."""
    truth = grey(originals)
    return Recovery.best_of(
        recovery(truth, candidates[:, k, :, :, None], peak) for k in range(candidates.shape[1])
    )


def _compared(truth: NDArray[Any], images: Floats, peak: int) -> tuple[Floats, Floats]:
    values = np.ascontiguousarray(np.moveaxis(np.clip(images, 0, peak), -1, 1), np.float32)
    ssim, mse = ssim_mse_unstretched(truth, values, peak)
    with np.errstate(divide="ignore"):
        psnr = np.minimum(10 * np.log10(peak**2 / mse), IDENTICAL_DB)
    return ssim, np.asarray(psnr, np.float64)


def _fit(truth: NDArray[Any], images: Floats) -> tuple[Floats, Floats]:
    """Return gain and offset [n,2] that bring each image nearest to its original, and |NCC| [n]."""
    wanted, seen = (a.reshape(len(a), -1).astype(np.float64) for a in (truth, images))
    means = wanted.mean(axis=1), seen.mean(axis=1)
    wanted, seen = wanted - means[0][:, None], seen - means[1][:, None]
    both, square, total = ((a * b).sum(axis=1) for a, b in
                           ((wanted, seen), (seen, seen), (wanted, wanted)))  # fmt: skip
    gain = np.divide(both, square, out=np.zeros_like(both), where=square > 0)
    norm = np.sqrt(square * total)
    ncc = np.divide(np.abs(both), norm, out=np.zeros_like(both), where=norm > 0)
    return np.stack([gain, means[0] - gain * means[1]], axis=1), ncc


def _spread(figures: Floats, seed: int) -> Spread:
    percentile = float(np.percentile(figures, 95, method="inverted_cdf"))
    return Spread(bootstrap_mean(figures, seed), percentile, float(figures.max()))
