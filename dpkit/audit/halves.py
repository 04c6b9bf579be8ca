"""Two halves of the sampled rows, cut between groups: one is scored, one is the adversary's own.

Nobody whose image is scored has an image in the adversary's half, so that what an attack learns
there it learned from other people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OneGroupError(UsageError):
    """There is nobody else whose images an adversary could hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Row numbers int64: scored ones, the rest of their half, and the adversary's own set."""

    scored: NDArray[np.int64]
    rest: NDArray[np.int64]
    own: NDArray[np.int64]


def cut_in_halves(groups: NDArray[Any], most_scored: int, rng: np.random.Generator) -> Halves:
    """Draw groups until half of the rows, or nearly, are scored, at most `most_scored` of them.

    Raises
    ------
    OneGroupError
        All rows are of one group: whoever is scored would also be the adversary's own.
    """
    names, of_row = np.unique(groups, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004 (two halves)
        raise OneGroupError(
            "all images that were sampled for the audit are of one group",
            remedy="attack more images, or release images of more groups",
        )
    order = rng.permutation(len(names))
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    rows = np.argsort(rank[of_row.reshape(-1)], kind="stable")  # group by group, in a drawn order
    ends = np.cumsum(np.bincount(of_row.reshape(-1))[order])
    half = ends[int(np.argmin(np.abs(ends[:-1] - len(rows) / 2)))]
    return Halves(rows[:half][:most_scored], rows[:half][most_scored:], rows[half:])
