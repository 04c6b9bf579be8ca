"""A provider's folder as a sweep reads it: by a release's rules, split as a release would be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.kernels.ssim import SMALLEST_WINDOW
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
    from dpkit.types import Geometry, Json
    from dpkit.types.voice import Voice

SIZE: Final = (32, 32)  # where the images have no one size
LEAST_TESTED: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Provided:
    """Labelled images of one geometry.

    Parameters
    ----------
    digest
        Of their files, parts, classes and groups.
    reading
        The rule by which they are read (`readers.rule.ReadRule`), by name.
    """

    images: SourceImages
    geometry: Geometry
    digest: str
    reading: Json = field(default_factory=dict)

    def asked(self) -> dict[str, Json]:
        """Return what makes these pixels these: figures of others are another sweep's."""
        return {"images": self.digest, "reading": self.reading}

    def rows(self, *parts: str) -> NDArray[np.int64]:
        """Return the labelled rows of some parts that can be read, int64."""
        chosen = np.isin(np.array(self.images.parts), parts)
        labelled = np.flatnonzero(chosen & (self.images.labels >= 0))
        return labelled[self.images.readable(labelled)]

    def pixels(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return images u8 or u16 [k,h,w,c]."""
        return self.images.pixels(rows)


def provided(source: Path, split: Split, read: ReadOptions, seed: int, voice: Voice) -> Provided:
    """Read a folder of classes.

    Raises
    ------
    UsageError
        There is no test part of 20 images that can be read, or a side is below 3 pixels.
    """
    scanned = scan(
        source,
        scan_options(None, split),
        progress=lambda done, total: voice.progress("reading headers", done, total),
    )
    rule, notices = choose_rule(scanned, read, default_size=SIZE, admits=lambda _: True)
    for notice in (*scanned.notices, *notices):
        voice.notice(notice)
    _check(rule.geometry)
    targets = encode_targets(scanned)
    rows = Rows(
        scanned.paths, scanned.sha256, targets.values, scanned.groups, scanned.parts, scanned.kept
    )
    indices = part_indices(rows, split, Secret(seed.to_bytes(32, "big")))
    parts = tuple(PARTS[index] for index in indices)
    classes = tuple(sorted(index for index, _ in targets.classes))
    images = SourceImages(FolderSource(source, rule), rows, classes, parts, group_rows(rows).index)
    told = (images.labels.tobytes(), images.groups.tobytes(), repr(targets.classes).encode())
    files = digest(rows.sha256.tobytes(), repr(parts).encode(), *told)
    found = Provided(images, rule.geometry, files, rule.to_json())
    tested = len(found.rows("test"))
    if tested < LEAST_TESTED:
        raise UsageError(
            f"{tested} readable labelled images in the test part are fewer than {LEAST_TESTED}",
            remedy="give --split 80/10/10",
        )
    labelled = int((images.labels >= 0).sum())
    if unreadable := labelled - len(found.rows(*PARTS)):
        voice.notice(f"{unreadable} of {labelled} labelled images cannot be read and are left out")
    return found


def _check(geometry: Geometry) -> None:
    """Refuse images that are too small to be compared, before anything is trained."""
    side = min(geometry.height, geometry.width)
    if side < SMALLEST_WINDOW:
        raise UsageError(
            f"SSIM needs {SMALLEST_WINDOW} pixels a side, and these images have {side}",
            remedy="give a larger --size, such as 32",
        )
