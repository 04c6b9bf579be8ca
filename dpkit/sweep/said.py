"""What a network says of images under one setting, beside what it says of them as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Said:
    """What the network says of all images under one setting.

    `probability` is the mean of the original class, `deviation` its spread over the images, `low`,
    `median` and `high` its 10th, 50th and 90th percentile; `agreement` is the share that keep
    their class, `accuracy` the share named rightly, None where no class is known; `reached` is the
    share of images at which the degree is reached, `degree` what the means give.
    """

    probability: float
    deviation: float
    low: float
    median: float
    high: float
    agreement: float
    accuracy: float | None
    reached: float
    degree: float


class Judge:
    """Compares what the network says under a setting with what it says of the images as they are.

    Parameters
    ----------
    plain
        Probabilities [n,classes].
    labels
        int64 [n], -1 where unknown.
    """

    def __init__(
        self, plain: NDArray[np.float64], labels: NDArray[np.int64], degree: float
    ) -> None:
        self._original = plain.argmax(axis=1)
        self._before = self._of_original(plain)
        self._labels, self._degree = labels, degree

    def said(self, after: NDArray[np.float64]) -> Said:
        """Return what is to be said of probabilities [n,classes]."""
        probability, guess = self._of_original(after), after.argmax(axis=1)
        known = self._labels >= 0
        low, median, high = np.percentile(probability, [10, 50, 90])
        mean, reached = probability.mean(), probability <= 2.0**-self._degree * self._before
        return Said(
            probability=float(mean),
            deviation=float(probability.std()),
            low=float(low),
            median=float(median),
            high=float(high),
            agreement=float((guess == self._original).mean()),
            accuracy=float((guess == self._labels)[known].mean()) if known.any() else None,
            reached=float(reached.mean()),
            degree=float(np.log2(self._before.mean() / max(mean, np.finfo(float).tiny))),
        )

    def _of_original(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen = np.take_along_axis(probabilities, self._original[:, None], axis=1)
        return np.asarray(chosen[:, 0])
