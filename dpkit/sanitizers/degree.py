"""The degree of sanitization: how far the probability of an image's own class falls.

Chun, Hong, Huh and Kang, "Controlling the privacy loss with the input feature maps of the layers
in convolutional neural networks" (2018), section 3.3.

    symbol   here      meaning                                                          paper
    γ        degree    the probability falls to 2^-γ of its value or less               Eq. 6
    n        window    samples of a window                                              Algorithm 1

The original class is the one that the network gives to what is not sanitized. A larger degree is
more sanitization; it says how one network answers on these images, and bounds nothing. Windows are
tried in steps of a third to a half, from 2 to all samples of an image: the window that is found is
the smallest of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError
from dpkit.kernels.hold import hold
from dpkit.sanitizers.hold_words import SAMPLE, SHARE
from dpkit.training.encoding import finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.sanitizers.asked import Asked
    from dpkit.types.supply import TrainingImages

Tried = tuple[int, float, float]  # window, share of images that fell, median ratio


def windows_tried(samples: int) -> tuple[int, ...]:
    """Return 2, 3, 4, 6, 8, 12, … up to the samples of an image, which come last.

    Examples
    --------
    >>> windows_tried(20)
    (2, 3, 4, 6, 8, 12, 16, 20)
    """
    steps = sorted(n << k for n in (2, 3) for k in range(samples.bit_length()))
    return (*(n for n in steps if n < samples), samples)


def held(values: NDArray[Any], window: int) -> NDArray[Any]:
    """Return values [n,…] with every window of each row held."""
    out = np.empty_like(values)
    hold(values, window, out)
    return out


def ratios(asked: Asked, pixels: NDArray[Any], values: NDArray[Any]) -> Iterator[tuple[int, float]]:
    """Yield each window that is tried for an image, and what is left of its class's probability.

    Parameters
    ----------
    pixels, values
        Of one image, [1,h,w,c] and [1,c,h,w].
    """
    plain = asked.probabilities(pixels, values)[0]
    original = int(plain.argmax())
    for window in windows_tried(values[0].size):
        after = asked.probabilities(pixels, held(values, window))[0]
        yield window, float(after[original] / plain[original])


def window_for(asked: Asked, pixels: NDArray[Any], values: NDArray[Any], degree: float) -> int:
    """Return the smallest window that reaches the degree for one image; all its samples if none."""
    for window, ratio in ratios(asked, pixels, values):
        if ratio <= 2.0**-degree:
            return window
    return int(values[0].size)


def search(
    asked: Asked, images: TrainingImages, dtype: np.dtype[Any], degree: float
) -> tuple[list[Tried], int]:
    """Try every window on a sample of the images; return the figures, and of how many images.

    The sample is of images at equal distances, by row number, less those that cannot be read. No
    image of the test part is looked at, where there are others.

    Raises
    ------
    UsageError
        None of the sample can be read.
    DpkitError
        A value of a feature map is beyond its type.
    """
    found = []
    for row in _sample(images):
        pixels = images.pixels(row[None])
        values = finite(asked.plain(pixels), dtype)
        found.append(list(ratios(asked, pixels, values)))
    windows = [window for window, _ in found[0]]
    left = np.array([[ratio for _, ratio in tried] for tried in found])
    fell = (left <= 2.0**-degree).mean(axis=0)
    columns = (windows, fell.tolist(), np.median(left, axis=0).tolist())
    tried = [(n, round(share, 4), round(left, 6)) for n, share, left in zip(*columns, strict=True)]
    return tried, len(found)


def smallest(tried: list[Tried], degree: float) -> int:
    """Return the smallest window at which at least half of the sample reaches the degree.

    Raises
    ------
    UsageError
        There is none.
    """
    for window, share, _ in tried:
        if share >= SHARE:
            return window
    window, share, _ = max(tried, key=lambda row: row[1])
    raise UsageError(
        f"--degree {degree:g} is reached by no window at half of the images: at most by "
        f"{share:.0%}, at {window} samples",
        remedy="give a smaller --degree, or --degree-by image",
    )


def _sample(images: TrainingImages) -> NDArray[np.int64]:
    rows = np.flatnonzero(np.array([part != "test" for part in images.parts], np.bool_))
    rows = rows if len(rows) else np.arange(len(images))
    places = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)
    sample = rows[places].astype(np.int64)
    readable = np.asarray(sample[images.readable(sample)])
    if not len(readable):
        raise UsageError("a degree needs images to be measured on, and none of them can be read")
    return readable
