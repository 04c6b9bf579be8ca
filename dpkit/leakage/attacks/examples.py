"""Pictures with their releases: what a reconstructor learns from, and what a guess is worth.

They are the adversary's own pictures under the same treatment, and images of the release that it
knows. Released values are put on one scale for each channel, pixels on 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float32]

LEAST: Final = 20  # with fewer there are not two to hold out
MOST_BYTES: Final = 2**31  # of values and pixels, in float32


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pairs, and the released values to turn back.

    Parameters
    ----------
    pixels
        float32 [p,c,h,w], 0 to 1.
    values, targets
        float32 [p,c',h',w'] and [wanted,c',h',w'], mean 0 and deviation 1 in each channel of the
        pairs.
    """

    pixels: Floats = field(repr=False)
    values: Floats = field(repr=False)
    targets: Floats = field(repr=False)

    def __len__(self) -> int:
        return len(self.pixels)


def no_examples(view: AdversaryView) -> str:
    """Say why nothing can be learned from this view; empty where it can."""
    pairs = sum(len(pixels) for pixels, _ in _sources(view))
    if pairs < LEAST:
        few = f"only {pairs} pairs" if pairs else "no pair"
        return f"{few} of a picture and its release to learn from, where {LEAST} are needed"
    elements = view.geometry.elements + int(np.prod(view.values.shape[1:]))
    if 4 * elements * (pairs + len(view.targets)) > MOST_BYTES:
        return f"{pairs} pairs of {elements:,} values and pixels are too large for memory"
    return ""


def examples_of(view: AdversaryView) -> Examples:
    """Return all pairs of a view.

    Raises
    ------
    UsageError
        There are too few, or a value is not finite.
    """
    reason = no_examples(view)
    if reason:
        raise UsageError(reason)
    pixels, values = (np.concatenate(parts) for parts in zip(*_sources(view), strict=True))
    finite("released values", values)
    finite("released values", view.targets)
    raw = values.astype(np.float32)
    mean = raw.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = raw.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    gain = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    planes = np.moveaxis(pixels, -1, 1) / np.float32(view.geometry.peak)
    return Examples(
        np.ascontiguousarray(planes, dtype=np.float32),
        np.asarray((raw - mean) * gain, dtype=np.float32),
        np.asarray((view.targets - mean) * gain, dtype=np.float32),
    )


def grey_levels(view: AdversaryView, planes: Floats) -> NDArray[np.float64]:
    """Return pixels [n,c,h,w] of 0 to 1 as images [n,h,w,c] in grey levels 0 to peak."""
    images = np.clip(np.moveaxis(planes, 1, -1), 0, 1).astype(np.float64)
    return np.asarray(images * view.geometry.peak)


def decibels(pixels: Floats, found: Floats) -> float:
    """Return the mean over images [n,c,h,w] of 0 to 1 of 10 log10(1 / MSE), at most 100."""
    errors = ((np.clip(found, 0, 1) - pixels) ** 2).mean(axis=(1, 2, 3), dtype=np.float64)
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))


@dataclass(frozen=True, slots=True)
class Guesses:
    """What no release at all is worth on the same pictures, in decibels.

    `constant` is one colour, `mean` the mean picture, both of the pictures that were learned
    from.
    """

    constant: float
    mean: float

    @classmethod
    def of(cls, learned: Floats, held_out: Floats) -> Guesses:
        """Compute both from pictures learned from and held out, [·,c,h,w]."""
        mean = learned.mean(axis=0, keepdims=True)
        colour = np.broadcast_to(mean.mean(axis=(2, 3), keepdims=True), held_out.shape)
        return cls(decibels(held_out, colour), decibels(held_out, mean))

    def compare(self, reached: float) -> str:
        """Say in a sentence what this figure is worth."""
        beside = f"a constant guess gives {self.constant:.1f} dB, the mean picture {self.mean:.1f}"
        if reached < self.constant:
            return (
                f"{reached:.1f} dB on pictures held out is below a constant guess: it was not "
                f"trained, so it says nothing ({beside})."
            )
        if reached < self.mean + 0.1:
            return f"It learned no more than a mean picture: {reached:.1f} dB, {beside}."
        return f"{reached:.1f} dB on pictures held out; {beside}."


def _sources(view: AdversaryView) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return pixels and values of every set of pairs."""
    sets = []
    if view.public is not None and view.public.values is not None:
        sets.append((view.public.pixels, view.public.values))
    if view.known is not None:
        sets.append((view.known.pixels, view.known.values))
    return sets
