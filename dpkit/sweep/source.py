"""A provider's folder as a sweep reads it: by a release's rules, split as a release would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.pipeline.supply import SourceImages
from dpkit.pipeline.terms import scan_options
from dpkit.plan.making import group_rows, part_indices
from dpkit.readers.choice import ReadOptions, choose_rule
from dpkit.readers.folder import FolderSource
from dpkit.readers.scan import scan
from dpkit.readers.targets import encode_targets
from dpkit.sweep.cells import digest
from dpkit.types import PARTS, Rows, Secret

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.plan import Split
    from dpkit.types import Geometry
    from dpkit.types.voice import Voice

SIZE: Final = (32, 32)  # where the images have no one size
LEAST_TESTED: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Provided:
    """Labelled images of one geometry, and a digest of their files."""

    images: SourceImages
    geometry: Geometry
    digest: str

    def rows(self, *parts: str) -> NDArray[np.int64]:
        """Return the labelled rows of some parts, int64."""
        chosen = np.isin(np.array(self.images.parts), parts)
        return np.flatnonzero(chosen & (self.images.labels >= 0))

    def pixels(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return images u8 or u16 [k,h,w,c]."""
        return self.images.pixels(rows)


def provided(source: Path, split: Split, read: ReadOptions, seed: int, voice: Voice) -> Provided:
    """Read a folder of classes.

    Raises
    ------
    UsageError
        There is no test part of 20 images.
    """
    scanned = scan(
        source,
        scan_options(None, split),
        progress=lambda done, total: voice.progress("reading headers", done, total),
    )
    rule, notices = choose_rule(scanned, read, default_size=SIZE, admits=lambda _: True)
    for notice in (*scanned.notices, *notices):
        voice.notice(notice)
    targets = encode_targets(scanned)
    rows = Rows(
        scanned.paths, scanned.sha256, targets.values, scanned.groups, scanned.parts, scanned.kept
    )
    indices = part_indices(rows, split, Secret(seed.to_bytes(32, "big")))
    parts = tuple(PARTS[index] for index in indices)
    classes = tuple(sorted(index for index, _ in targets.classes))
    images = SourceImages(FolderSource(source, rule), rows, classes, parts, group_rows(rows).index)
    found = Provided(images, rule.geometry, digest(rows.sha256.tobytes(), repr(parts).encode()))
    tested = len(found.rows("test"))
    if tested < LEAST_TESTED:
        raise UsageError(
            f"{tested} labelled images in the test part are fewer than {LEAST_TESTED}",
            remedy="give --split 80/10/10",
        )
    return found
