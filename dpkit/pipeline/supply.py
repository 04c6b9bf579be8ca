"""What a sanitizer is given to be made of: the network that was named, the source's images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UnreadableImageError
from dpkit.plan.making import group_rows, part_indices
from dpkit.readers.folder import FolderSource
from dpkit.readers.network import read_weights
from dpkit.types import NO_LABEL, PARTS
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.pipeline.checkpoints import SealedCheckpoints
    from dpkit.pipeline.request import ReleaseRequest
    from dpkit.pipeline.terms import Terms
    from dpkit.types import Part, Rows, Secret
    from dpkit.types.voice import Voice

MOST_KEPT: Final = 2**30  # 1 GiB of decoded images; above it, they are decoded at every use


class SourceImages:
    """The images of a source, decoded when they are first asked for (`types.TrainingImages`).

    Parameters
    ----------
    source
        Where they are, by the release's reading rule.
    rows
        Their names, digests and targets.
    classes
        The class numbers of the release, ascending; a label is the place of its number in them.
    parts, groups
        As the plan will have them.
    """

    def __init__(
        self,
        source: FolderSource,
        rows: Rows,
        classes: tuple[int, ...],
        parts: tuple[Part, ...],
        groups: NDArray[np.int64],
    ) -> None:
        self._source, self._rows = source, rows
        self.labels = _labels(rows.targets, classes)
        self.classes = len(classes)
        self.parts, self.groups = parts, groups
        geometry = source.geometry
        shape = (len(rows), geometry.height, geometry.width, geometry.channels)
        fits = len(rows) * geometry.elements * geometry.pixel_dtype.itemsize <= MOST_KEPT
        self._kept = np.zeros(shape, geometry.pixel_dtype) if fits else None
        self._is_kept = np.zeros(len(rows), np.bool_)
        self._was_read = np.zeros(len(rows), np.bool_)
        self._is_bad = np.zeros(len(rows), np.bool_)

    def __len__(self) -> int:
        return len(self._rows)

    def pixels(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return images u8 or u16 [k,h,w,c]; one that cannot be read is black."""
        if self._kept is None:
            return np.stack([self._decoded(int(row)) for row in rows])
        for row in rows[~self._is_kept[rows]]:
            self._kept[row] = self._decoded(int(row))
        self._is_kept[rows] = True
        return np.asarray(self._kept[rows])

    def readable(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which images can be read, [k]; each one is tried once."""
        for row in rows[~self._was_read[rows]]:
            self.pixels(row[None])
        return np.asarray(~self._is_bad[rows])

    def _decoded(self, row: int) -> NDArray[Any]:
        self._was_read[row] = True
        try:
            return self._source.decode(self._rows.paths[row], self._rows.sha256[row].tobytes())
        except UnreadableImageError:
            self._is_bad[row] = True
            geometry = self._source.geometry
            shape = (geometry.height, geometry.width, geometry.channels)
            return np.zeros(shape, geometry.pixel_dtype)


def supply_of(
    request: ReleaseRequest,
    terms: Terms,
    rows: Rows,
    checkpoints: SealedCheckpoints,
    voice: Voice,
) -> Supply:
    """Return what the sanitizer of a new key needs, and nothing else."""
    needs = terms.sanitizer.needs
    weights = read_weights(request.model) if request.model and "network" in needs else None
    images = _images(request, terms, rows, checkpoints.seed) if "images" in needs else None
    return Supply(weights, images, checkpoints, voice)


def _images(request: ReleaseRequest, terms: Terms, rows: Rows, seed: Secret) -> SourceImages:
    parts = tuple(PARTS[index] for index in part_indices(rows, terms.split, seed))
    classes = tuple(sorted(index for index, _ in terms.classes))
    source = FolderSource(request.source, terms.rule)
    return SourceImages(source, rows, classes, parts, group_rows(rows).index)


def _labels(targets: NDArray[Any], classes: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the places of class numbers, int64 [n]; -1 where targets are no class numbers."""
    if targets.ndim != 1 or not classes:
        return np.full(len(targets), NO_LABEL, np.int64)
    known = np.array(classes)
    places = np.minimum(np.searchsorted(known, targets), len(known) - 1)
    return np.where(known[places] == targets, places, NO_LABEL).astype(np.int64)
