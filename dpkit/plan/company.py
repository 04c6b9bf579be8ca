"""Where shards end, and who stands together: company of one's own label, for those who mix.

A sanitizer that mixes images draws each image's donors from its own shard, so that an image is
decoded once and memory is bounded by the shard. A label is therefore dealt to few enough shards
that it stands in each with its whole class or with `least` rows and more.

Why donors are then a uniform sample of the class. A part's rows come in a secret order that is a
uniform permutation, and a label's rows are dealt by their place in it: the k-th piece gets the
rows at certain places, whatever these rows are. Fix a target and the places. Every assignment of
the other rows of its class to the other places is equally likely, so its neighbours are a uniform
subset of the class. Donors are drawn from those neighbours that are of another group than the
target's, uniformly without replacement; as any two rows of other groups can change places without
changing the law, every set of N_s such rows of the class is equally likely. What does depend on
the dealing is the joint law of two targets: those of one shard share a pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError
from dpkit.types import Company

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import PlannedRows, PlannedShard


@dataclass(frozen=True, slots=True)
class Borders:
    """How rows fall into shards.

    Parameters
    ----------
    rows
        Of a shard, where nothing else matters.
    least
        Rows that a label needs in a shard that does not hold all of it; 0 for sanitizers that
        treat each image by itself.
    most
        Rows that fit into memory; a shard that grows beyond is refused.
    """

    rows: int
    least: int = 0
    most: int = 2**40

    def deal(self, strata: NDArray[np.int64] | None, count: int) -> NDArray[np.int64]:
        """Return the shard of each of a part's rows, int64 [count], from 0 and without a gap.

        Parameters
        ----------
        strata
            int64 [count], the label that a row mixes with, in the secret order.

        Raises
        ------
        UsageError
            A shard would hold more than `most` rows.
        """
        wanted = -(-count // self.rows)
        if strata is None or not self.least:
            return np.arange(count) // self.rows
        shard_of = np.empty(count, np.int64)
        filled = np.zeros(wanted, np.int64)
        labels, sizes = np.unique(strata, return_counts=True)
        for label in labels[np.argsort(-sizes, kind="stable")]:
            rows = np.flatnonzero(strata == label)
            pieces = np.array_split(rows, min(max(len(rows) // self.least, 1), wanted))
            for shard, piece in zip(np.argsort(filled, kind="stable"), pieces, strict=False):
                shard_of[piece] = shard
                filled[shard] += len(piece)
        self._check(int(filled.max(initial=0)))
        return np.unique(shard_of, return_inverse=True)[1].reshape(-1)

    def _check(self, largest: int) -> None:
        if largest > self.most:
            raise UsageError(
                f"a shard would need {largest:,} images in memory at once (limit {self.most:,}), "
                "so that every label has its company",
                remedy="lower --min-pool or --size, or mix by coarser labels",
            )


def company_of(
    planned: PlannedShard,
    rows: PlannedRows,
    left: NDArray[np.int64],
    planes: NDArray[Any] | None = None,
) -> Company:
    """Return the company that the rows `left` of a shard are to each other.

    Parameters
    ----------
    left
        Rows of the shard, int64, ascending: those that nobody took out.
    planes
        The originals u8 or u16 [rows,c,h,w]; None where only the choices are asked for.
    """
    planes = np.empty((len(rows), 0, 0, 0), np.uint8) if planes is None else planes
    strata = np.zeros(len(rows), np.int64) if rows.strata is None else rows.strata
    groups = np.unique(rows.groups, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return Company(
        planes if len(left) == len(planes) else planes[left],
        strata[left],
        groups[left],
        planned.start + left,
        planned.part,
    )
