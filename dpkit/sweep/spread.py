"""Mean and spread of a figure over the seeds of a sweep, as it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable


def spread(numbers: Iterable[float], digits: int = 3) -> str:
    """Return mean ± standard deviation (of a sample); the number alone where there is one.

    Of no number at all it is "none".

    Examples
    --------
    >>> spread([0.5, 0.7])
    '0.600 ± 0.141'
    """
    found = np.array(list(numbers))
    if not len(found):
        return "none"
    mean = f"{found.mean():.{digits}f}"
    return mean if len(found) == 1 else f"{mean} ± {found.std(ddof=1):.{digits}f}"
