"""Noise is filtered before anything is scored: a noisy picture shows more than its SSIM says.

    symbol   here            meaning
    λ_i      variances       of component i in patches of pictures, relative
    V        components      its directions, orthonormal [b²,b²]
    a        `_contrasts`    contrast of one patch, so that its components vary by a λ_i
    σ        `_noise`        standard deviation of the noise of one plane, in grey levels

A local Wiener filter. Overlapping patches of 8x8 without their means are written in components:
the principal ones of public pictures (Muresan and Parks, ICIP 2003), or cosines under the 1/f²
spectrum of photographs (Field 1987) where there are none. Component i is shrunk by
a λ_i / (a λ_i + σ²), and each pixel is the mean over the patches that hold it. The noise is read
from the weakest quarter of the components in the quietest twentieth of the patches; what public
pictures show there themselves is no noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct
from scipy.stats import chi2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Planes = NDArray[np.float32]
    Floats = NDArray[np.float64]

SIDE: Final = 8  # b, pixels of a patch
QUIET: Final = 0.05  # of the patches
LEAST_NOISE: Final = 0.012  # of the peak: less may be texture, and is hardly seen
WEAK: Final = 4  # of so many components one is among the weakest
FEWEST_PATCHES: Final = 100  # that tell the noise of one plane; below, all planes share it
_LARGE: Final = 64 * 64  # pixels from which patches stand half a side apart, else a quarter
_PUBLIC_PLANES: Final = 512
_VALUES_AT_ONCE: Final = 2**18  # pixels of the planes that are filtered together
_TINY: Final = 1e-12


def denoised(images: NDArray[Any], peak: float = 255, public: NDArray[Any] | None = None) -> Floats:
    """Return images with the noise of each filtered out, float64 [n,h,w,c] within 0 to `peak`.

    Parameters
    ----------
    images
        [n,h,w,c], grey levels.
    peak
        The largest grey level.
    public
        [p,h',w',c'] pictures that say what patches look like, on the same scale; None where
        there are none.
    """
    planes = _planes(images)
    prior = _Prior.of(None if public is None else _planes(public), min(SIDE, *images.shape[1:3]))
    noise = np.sqrt(np.maximum(_noise(planes, prior) ** 2 - prior.floor**2, 0))
    noise[noise < LEAST_NOISE * peak] = 0
    at_once = max(1, _VALUES_AT_ONCE // planes[0].size)
    parts = [
        _filtered(planes[at : at + at_once], noise[at : at + at_once], prior)
        for at in range(0, len(planes), at_once)
    ]
    count, height, width, channels = images.shape
    found = np.concatenate(parts).reshape(count, channels, height, width)
    return np.clip(np.moveaxis(found, 1, -1).astype(np.float64), 0, peak)


@dataclass(frozen=True, slots=True)
class _Prior:
    """Components of patches, the mean first (without variance), then the strongest.

    `floor` is the noise that pictures seem to have themselves.
    """

    components: Planes
    variances: Planes
    floor: float

    @property
    def side(self) -> int:
        """Pixels of a patch."""
        return math.isqrt(len(self.components))

    @classmethod
    def of(cls, public: Planes | None, side: int) -> _Prior:
        """Take it from public planes that are large enough, or from what photographs share."""
        if public is None or min(public.shape[1:]) < side:
            return cls.of_photographs(side)
        spread = public[:: -(-len(public) // _PUBLIC_PLANES)]
        patches = _centred(_patches(spread, side))[0].reshape(-1, side * side)
        covariance = patches.T @ patches / len(patches)
        means_first = covariance + np.trace(covariance)  # patches have no means: make these first
        variances, vectors = np.linalg.eigh(means_first.astype(np.float64))
        variances[-1] = _TINY
        found = cls._strongest_first(variances, vectors)
        return replace(found, floor=float(np.median(_noise(spread, found))))

    @classmethod
    def _strongest_first(cls, variances: Floats, vectors: Floats) -> _Prior:
        components = np.ascontiguousarray(vectors[:, ::-1]).astype(np.float32)
        return cls(components, np.maximum(variances[::-1], _TINY).astype(np.float32), 0.0)

    @classmethod
    def of_photographs(cls, side: int) -> _Prior:
        """Return cosines under a 1/f² spectrum."""
        waves = dct(np.eye(side), norm="ortho", axis=0)
        frequency = np.add.outer(np.arange(side) ** 2, np.arange(side) ** 2).reshape(-1)
        order = np.argsort(-frequency, kind="stable")
        variances = 1 / np.maximum(frequency[order], 1)
        variances[-1] = _TINY
        return cls._strongest_first(variances, np.kron(waves, waves)[order].T)


def _planes(images: NDArray[Any]) -> Planes:
    """Return the channels of images [n,h,w,c], float32 [nc,h,w]."""
    planes = np.moveaxis(images, -1, 1).astype(np.float32)
    return planes.reshape(-1, *images.shape[1:3])


def _step(planes: Planes, side: int) -> int:
    overlap = 2 if planes.shape[1] * planes.shape[2] >= _LARGE else 4
    return max(1, side // overlap)


def _patches(planes: Planes, side: int) -> Planes:
    """Return overlapping patches of planes [n,h,w], [n,rows,columns,side²]."""
    step = _step(planes, side)
    windows = sliding_window_view(planes, (side, side), axis=(1, 2))[:, ::step, ::step]
    return np.ascontiguousarray(windows).reshape(*windows.shape[:3], side * side)


def _centred(patches: Planes) -> tuple[Planes, Planes]:
    means = patches.mean(axis=-1, keepdims=True)
    return patches - means, means


def _noise(planes: Planes, prior: _Prior) -> Floats:
    """Return σ of each plane, [n]."""
    weakest = prior.components[:, -max(1, len(prior.variances) // WEAK) :]
    patches = _patches(planes, prior.side)
    energy = ((patches @ weakest) ** 2).mean(axis=-1).reshape(len(planes), -1)
    told = energy if energy.shape[1] >= FEWEST_PATCHES else energy.reshape(1, -1)
    freedom = weakest.shape[1]
    quiet = np.quantile(told, QUIET, axis=1) * freedom / chi2.ppf(QUIET, freedom)
    return np.sqrt(np.broadcast_to(quiet, len(planes)).astype(np.float64))


def _filtered(planes: Planes, noise: Floats, prior: _Prior) -> Planes:
    """Return planes [n,h,w] with their noise [n] filtered out."""
    height, width = planes.shape[1:]
    step = _step(planes, prior.side)
    beyond = [(0, -(extent - prior.side) % step) for extent in (height, width)]
    padded = np.pad(planes, [(0, 0), *beyond], mode="symmetric")
    patches, means = _centred(_patches(padded, prior.side))
    along = patches @ prior.components
    square = (noise**2).astype(np.float32)[:, None, None, None]
    expected = _contrasts(along, square, prior) * prior.variances
    gains = expected / (expected + square + _TINY)
    found = (along * gains) @ prior.components.T + means
    return _overlaid(found.astype(np.float32), padded.shape, step, prior.side)[:, :height, :width]


def _contrasts(along: Planes, square: Planes, prior: _Prior) -> Planes:
    """Return a of each patch, [n,rows,columns,1]."""
    energy = (along**2).sum(axis=-1, keepdims=True) - square * (len(prior.variances) - 1)
    return np.asarray(np.maximum(energy, 0) / prior.variances.sum(), dtype=np.float32)


def _overlaid(patches: Planes, shape: tuple[int, ...], step: int, side: int) -> Planes:
    """Return the mean over the patches that hold a pixel, [n,h,w]."""
    rows, columns = patches.shape[1:3]
    total, weight = np.zeros(shape, np.float32), np.zeros(shape[1:], np.float32)
    for y, x in np.ndindex(side, side):
        down = slice(y, y + (rows - 1) * step + 1, step)
        across = slice(x, x + (columns - 1) * step + 1, step)
        total[:, down, across] += patches[..., y * side + x]
        weight[down, across] += 1
    return total / weight
