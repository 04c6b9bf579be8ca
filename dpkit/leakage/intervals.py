"""95 % intervals: percentile bootstrap for means, Clopper and Pearson's for shares.

Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13; Clopper and Pearson,
"The use of confidence or fiducial limits", Biometrika 26 (1934).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import betaincinv

from dpkit.types.scores import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES: Final = 1000
TAILS: Final = (0.025, 0.975)


def bootstrap_mean(figures: NDArray[Any], seed: int = 0) -> Interval:
    """Return the mean of figures [n] with its percentile interval over `RESAMPLES` resamples."""
    drawn = np.random.default_rng(seed).integers(0, len(figures), (RESAMPLES, len(figures)))
    low, high = np.quantile(np.asarray(figures)[drawn].mean(axis=1), TAILS)
    return Interval(float(np.mean(figures)), float(low), float(high))


def exact_share(hits: int, of: int) -> Interval:
    """Return the share `hits` / `of` with its exact interval; 0 to 1 where `of` is 0.

    Examples
    --------
    >>> round(exact_share(0, 100).high, 4)
    0.0362
    """
    if of == 0:
        return Interval(0.0, 0.0, 1.0)
    low = float(betaincinv(hits, of - hits + 1, TAILS[0])) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, TAILS[1])) if hits < of else 1.0
    return Interval(hits / of, low, high)
