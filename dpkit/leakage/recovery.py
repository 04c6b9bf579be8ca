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
from dpkit.leakage.contrast import IDENTICAL_DB, gain_and_ncc, grey
from dpkit.leakage.intervals import bootstrap_mean, exact_share
from dpkit.types.scores import ImageScores, Spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

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
    shown = np.ascontiguousarray(images, np.float32)
    fits = _fits(truth, shown)
    turned = shown
    if fits.flips.any():
        turned = shown.copy()
        turned[fits.flips] = shown[fits.flips][:, :, ::-1]
    fitted = turned * fits.gain[:, None, None, None] + fits.offset[:, None, None, None]
    ways = [_compared(truth, picture, peak) for picture in (shown, fitted)]
    ssim, psnr = (np.fmax(a, b) for a, b in zip(*ways, strict=True))
    return Recovery(ssim, psnr, fits.ncc)


def best_candidate(originals: NDArray[Any], candidates: NDArray[Any], peak: int) -> Recovery:
    """Score the best of several grey pictures [n,k,h,w] of each image: an upper bound."""
    truth = grey(originals)
    return Recovery.best_of(
        recovery(truth, candidates[:, k, :, :, None], peak) for k in range(candidates.shape[1])
    )


def _compared(truth: NDArray[Any], images: NDArray[np.float32], peak: int) -> tuple[Floats, Floats]:
    values = np.ascontiguousarray(np.moveaxis(np.clip(images, 0, peak), -1, 1))
    ssim, mse = ssim_mse_unstretched(truth, values, peak)
    with np.errstate(divide="ignore"):
        psnr = np.minimum(10 * np.log10(peak**2 / mse), IDENTICAL_DB)
    return ssim, np.asarray(psnr, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Fits:
    """What brings each image nearest to its original: turned or not, gain, offset; |NCC|; [n]."""

    flips: NDArray[np.bool_]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    ncc: Floats


def _fits(truth: NDArray[Any], images: NDArray[np.float32]) -> _Fits:
    wanted, level = _centred(truth.astype(np.float32))
    seen, mean = _centred(images)
    square, total = _products(seen, seen), _products(wanted, wanted)
    straight, turned = _products(wanted, seen), _products(wanted, seen[:, :, ::-1])
    flips = np.abs(turned) > np.abs(straight)
    both = np.where(flips, turned, straight)
    gain, ncc = gain_and_ncc(both, square, total)
    offset = level - gain * mean
    return _Fits(flips, gain.astype(np.float32), offset.astype(np.float32), ncc)


def _centred(images: NDArray[np.float32]) -> tuple[NDArray[np.float32], Floats]:
    means = images.mean(axis=(1, 2, 3), dtype=np.float64)
    return images - means.astype(np.float32)[:, None, None, None], means


def _products(one: NDArray[np.float32], other: NDArray[np.float32]) -> Floats:
    """Return the product of each image with its other [n], summed image by image."""
    flat, with_flat = (np.ascontiguousarray(a).reshape(len(a), -1) for a in (one, other))
    return np.array([a @ b for a, b in zip(flat, with_flat, strict=True)], np.float64)


def _spread(figures: Floats, seed: int) -> Spread:
    percentile = float(np.percentile(figures, 95, method="inverted_cdf"))
    return Spread(bootstrap_mean(figures, seed), percentile, float(figures.max()))
