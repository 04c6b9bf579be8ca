"""What anybody reaches without the release: the pictures that every attack must beat.

constant       one grey level, the mean of the adversary's own pictures
public mean    the mean picture of these
class mean     the mean picture of these with the released row's label
other image    one of these, drawn at random
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types.adversary import PublicImages


def guesses(
    public: PublicImages, count: int, labels: NDArray[np.int64] | None, rng: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield each guess by name, float64 [count,h,w,c] in grey levels.

    Parameters
    ----------
    labels
        int64 [count] of the rows that are guessed, None where they have none.
    """
    pixels = public.pixels
    mean = pixels.mean(axis=0, dtype=np.float64)
    shape = (count, *mean.shape)
    yield "constant", np.full(shape, pixels.mean())
    yield "public mean", np.broadcast_to(mean, shape)
    if labels is not None and public.labels is not None:
        yield "class mean", _class_means(pixels, public.labels, labels)
    yield "other image", pixels[rng.integers(0, len(pixels), count)].astype(np.float64)


def _class_means(
    pixels: NDArray[Any], owners: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return for each wanted label the mean of its pictures, or of all where it has none."""
    means = {
        label: (pixels[owners == label] if (owners == label).any() else pixels).mean(
            axis=0, dtype=np.float64
        )
        for label in np.unique(wanted)
    }
    return np.stack([means[label] for label in wanted])
