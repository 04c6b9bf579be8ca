"""How well links tell whose a released image is: top-1, and found at few false accusations.

    symbol   here      meaning
    n        rows      released images
    g        gallery   pictures that they may be made from
    FPR      allowed   share of the false pairs (row, picture) that is accepted

A threshold is one for all rows, as an accuser would have to set it. Shares have the exact interval
of Clopper and Pearson (Biometrika 26:404, 1934), 95 %; rows count as independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.intervals import exact_share
from dpkit.types.scores import LinkScores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.scores import Interval

LEAST_ACCEPTED: Final = 10  # false pairs at a threshold, or its place is left to chance


def score_links(links: NDArray[Any], truth: NDArray[np.int64]) -> LinkScores:
    """Score links [n,g], the higher the likelier, by the picture of each row, int64 [n].

    A row counts for `top1` where its own picture alone has the highest link; ties do not. `tpr_1`
    is None below 1,000 false pairs, `tpr_01` below 10,000.

    Raises
    ------
    UsageError
        Rows do not match, a link is not a number, or a row's picture is not in the gallery.
    """
    _check(links, truth)
    rows, pictures = links.shape
    is_own = np.arange(pictures) == truth[:, None]
    own = links[is_own]
    others = np.where(is_own, -np.inf, links.astype(np.float64))
    return LinkScores(
        n=rows,
        gallery=pictures,
        top1=exact_share(int((own > others.max(axis=1)).sum()), rows),
        tpr_1=found_at(own, links[~is_own], 0.01),
        tpr_01=found_at(own, links[~is_own], 0.001),
        chance=1 / pictures,
    )


def found_at(own: NDArray[Any], false: NDArray[Any], allowed: float) -> Interval | None:
    """Return the share of true pairs [n] above a threshold that `allowed` of the false ones pass.

    None where fewer than `LEAST_ACCEPTED` of the false pairs would pass.
    """
    passing = int(allowed * len(false))
    if passing < LEAST_ACCEPTED:
        return None
    threshold = np.partition(false, -passing - 1)[-passing - 1]
    return exact_share(int((own > threshold).sum()), len(own))


def _check(links: NDArray[Any], truth: NDArray[np.int64]) -> None:
    if links.ndim != 2 or not links.size or truth.shape != links.shape[:1]:  # noqa: PLR2004 (n, g)
        raise UsageError(f"links {links.shape} for the truth of {truth.shape} rows")
    if np.isnan(links).any():
        raise UsageError("a link is not a number")
    if not ((truth >= 0) & (truth < links.shape[1])).all():
        raise UsageError(f"a row's own picture is not among {links.shape[1]}")
