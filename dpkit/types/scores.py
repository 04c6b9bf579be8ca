"""How near attacks came, as aggregates over the attacked images; never a pixel.

`worst` is always the image that was recovered best: the highest SSIM, PSNR or correlation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval: bootstrap for means, Clopper-Pearson for shares."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over the attacked images: mean with interval, 95th percentile, worst image."""

    mean: Interval
    p95: float
    worst: float


@dataclass(frozen=True, slots=True)
class ImageScores:
    """How near recovered images came to their originals.

    Parameters
    ----------
    n
        Images.
    ssim
        None where it is not defined (a side below 3 pixels).
    psnr
        In decibels.
    ncc
        Correlation over the pixels of an image, without its sign.
    share_50, share_90
        Of the images, with an SSIM of 0.5 and of 0.9 or more; None where it is not defined.
    """

    n: int
    ssim: Spread | None
    psnr: Spread
    ncc: Spread
    share_50: Interval | None
    share_90: Interval | None


@dataclass(frozen=True, slots=True)
class LinkScores:
    """How well released images were told to be somebody's, among `gallery` candidates.

    `top1` is the share whose own original came first; `tpr_1` and `tpr_01` the share of true
    pairs found where 1 % and 0.1 % of false ones are accepted, None where the pairs are too few.
    `chance` is what guessing gives for `top1`.
    """

    n: int
    gallery: int
    top1: Interval
    tpr_1: Interval | None
    tpr_01: Interval | None
    chance: float
