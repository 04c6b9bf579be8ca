"""The originals of one shard together in memory: the company that a mixing sanitizer draws on.

Every image is decoded once. Who cannot be read leaves the shard, and so does who then finds too
few donors; neither is published, and neither is anybody's donor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpkit.keystore.ledger import MARK_BYTES
from dpkit.pipeline.remix import ledger_of
from dpkit.pipeline.tile import decode_rows
from dpkit.plan.company import company_of
from dpkit.types import ImageBatch
from dpkit.types.plans import take

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.types import Company, PlannedRows, PlannedShard

LONELY = "too few images of its label and part are left to mix it with"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A shard's company.

    `rows` are those that stay, `marks` u8 [rows,32] what the ledger knows them by, `good` bool
    [planned rows]; `bad` says why the others left.
    """

    company: Company
    rows: PlannedRows
    marks: NDArray[np.uint8]
    good: NDArray[np.bool_]
    bad: tuple[tuple[str, str], ...]

    def batch(self, span: slice) -> ImageBatch:
        """Return some of the rows as a batch in its company; its pixels are a view."""
        rows = take(self.rows, span)
        pixels = np.moveaxis(self.company.planes[span], 1, -1)
        places = np.arange(len(self.company), dtype=np.int64)[span]
        return ImageBatch(pixels, rows.targets, rows.ids, rows.groups, self.company, places)


def gather(
    run: Run,
    planned: PlannedShard,
    rows: PlannedRows,
    engine: LocalEngine,
    decoded: Callable[[int], None],
) -> Gathered:
    """Decode the rows of a shard into their company; `decoded` is told how many are done."""
    geometry = run.geometry
    shape = (len(rows), geometry.channels, geometry.height, geometry.width)
    planes = np.empty(shape, geometry.pixel_dtype)
    marks = np.zeros((len(rows), MARK_BYTES), np.uint8)
    step = run.sanitizer.tile_images(geometry)
    ledger = ledger_of(run)

    def work(start: int) -> tuple[int, dict[int, str]]:
        span = slice(start, start + step)
        pixels, bad = decode_rows(run, take(rows, span))
        planes[span] = np.moveaxis(pixels, -1, 1)
        marks[span] = ledger.marks(pixels)
        return len(pixels), {start + i: reason for i, reason in bad.items()}

    reasons: dict[int, str] = {}
    for count, bad in engine.map(work, range(0, len(rows), step)):
        reasons |= bad
        decoded(count)
    left = np.setdiff1d(np.arange(len(rows)), list(reasons))
    company = company_of(planned, rows, left, planes)
    lonely = left[run.sanitizer.lonely(company)]
    if len(lonely):
        reasons |= dict.fromkeys(lonely.tolist(), LONELY)
        left = np.setdiff1d(left, lonely)
        company = company_of(planned, rows, left, planes)
    good = np.zeros(len(rows), np.bool_)
    good[left] = True
    bad_rows = tuple((rows.paths[i], reason) for i, reason in sorted(reasons.items()))
    mixed = slice(0, 0) if run.sanitizer.leaves_plain(planned.part) else left
    return Gathered(company, take(rows, left), marks[mixed], good, bad_rows)
