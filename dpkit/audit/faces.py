"""Faces on the scored originals, on the release, and on what each rung's attacks made of it.

An attacker's picture counts as it is, with noise filtered, on a contrast of its own, or as a
negative, whichever shows a face most surely; guesses gain by it as much. Where nearly all
originals have their face in one place, a picture without a detected face is described at that
place: whoever holds pictures of the same kind knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.denoise import denoised
from dpkit.leakage.face_scores import (
    LEAST_FACES,
    Gallery,
    face_scores,
    faces_sentence,
    same_group_scores,
)
from dpkit.leakage.faces import fitted_to, largest, usual_place
from dpkit.leakage.guesses import guesses
from dpkit.leakage.intervals import exact_share
from dpkit.leakage.view import are_grey_levels, are_maps, enlarged, flattened, viewed
from dpkit.types.faces import (
    GUESS,
    MIRRORED,
    ORIGINALS,
    RELEASE,
    SAME_GROUP,
    FaceFindings,
    FaceScores,
)
from dpkit.types.ladder import RUNGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dpkit.audit.holdings import Stage
    from dpkit.audit.trial import Trial
    from dpkit.leakage.faces import Boxes, Faces

    Pictures = NDArray[Any]  # grey levels, [n,h,w,1 or 3]

MOST_LOOKED: Final = 128  # a description takes a tenth of a second, and there are a dozen sets
TAILS: Final = (1, 99)  # percentiles that become black and white on a contrast of its own
_GUESSES: Final = ("public mean", "other image")


def find_faces(stage: Stage, scored: Sequence[Trial]) -> FaceFindings:
    """Look for faces, and for whose they are.

    Parameters
    ----------
    scored
        Trials whose pictures count.

    Raises
    ------
    UsageError, IntegrityError
        The extra `faces` is not there, or its files are others.
    """
    rows = np.arange(min(MOST_LOOKED, len(stage.originals)))
    originals = stage.originals[rows]
    faces, found = fitted_to(originals)
    boxes = largest(found)
    with_face = rows[~np.isnan(boxes[:, 0])]
    scores: list[FaceScores] = []
    if len(with_face) >= LEAST_FACES:
        looked = _Looked.at(stage, faces, with_face, boxes[with_face, :4])
        every = exact_share(len(with_face), len(rows))
        scores = [FaceScores(ORIGINALS, len(rows), every, None, None, None)]
        scores += [*looked.truth(), *looked.seen(scored)]
    said = faces_sentence(len(rows), len(with_face), scores)
    return FaceFindings(len(rows), len(with_face), tuple(scores), said)


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Originals with a face: their rows among the scored ones, and their descriptions.

    `place` is where the face stands in nearly all of them, None where places differ.
    """

    stage: Stage
    faces: Faces
    rows: NDArray[np.int64]
    known: NDArray[np.float64]
    place: Boxes | None
    gallery: Gallery

    @classmethod
    def at(cls, stage: Stage, faces: Faces, rows: NDArray[np.int64], boxes: Boxes) -> _Looked:
        known = faces.describe(stage.originals[rows], boxes)
        gallery = Gallery.of(known, stage.subject.groups[stage.halves.scored[rows]])
        return cls(stage, faces, rows, known, usual_place(boxes), gallery)

    def truth(self) -> Iterator[FaceScores]:
        """Yield what can be told at best: of mirrored originals, and of others of the groups."""
        yield self._scored(MIRRORED, self.stage.originals[self.rows][:, :, ::-1])
        groups = self.stage.subject.groups[self.stage.halves.scored[self.rows]]
        same = same_group_scores(self.known, groups, self.gallery, SAME_GROUP)
        if same:
            yield same

    def seen(self, scored: Sequence[Trial]) -> Iterator[FaceScores]:
        """Yield the scores of release, reconstructions and guesses."""
        yield self._scored(RELEASE, _released(self.stage)[self.rows])
        for rung in list(RUNGS)[1:]:  # the first sees what the release shows
            trials = [trial for trial in scored if trial.rung == rung]
            if trials:
                yield self._scored(rung, _best_pictures(trials, self.rows))
        rng = np.random.default_rng(self.stage.options.seed)
        for name, pictures in guesses(self.stage.own, len(self.stage.originals), None, rng):
            if name in _GUESSES:
                yield self._scored(f"{GUESS}{name}", pictures[self.rows])

    def _scored(self, what: str, pictures: Pictures) -> FaceScores:
        ways = list(_ways(pictures, self.stage.subject.geometry.peak))
        found = np.stack([largest(self.faces.detect(way)) for way in ways])  # [ways,n,5]
        surest = np.nan_to_num(found[..., 4]).argmax(axis=0)
        rows = np.arange(len(pictures))
        boxes = found[surest, rows, :4]
        is_detected = ~np.isnan(boxes[:, 0])
        if self.place is not None:
            boxes[~is_detected] = self.place
        descriptions = self.faces.describe(np.stack(ways)[surest, rows], boxes)
        return face_scores(what, is_detected, descriptions, self.gallery)


def _ways(pictures: Pictures, peak: int) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures [n,h,w,c] as an attacker may look at them, u8."""
    yield _grey_levels(pictures, peak)
    yield _grey_levels(denoised(np.clip(pictures, 0, peak), peak), peak)
    low, high = np.percentile(pictures, TAILS, axis=(1, 2, 3), keepdims=True)
    contrast = np.divide(pictures - low, high - low, out=np.zeros(pictures.shape), where=high > low)
    yield _grey_levels(contrast, 1)
    yield _grey_levels(1 - contrast, 1)


def _grey_levels(pictures: Pictures, peak: float) -> NDArray[np.uint8]:
    return np.rint(np.clip(pictures, 0, peak) * (255 / peak)).astype(np.uint8)


def _released(stage: Stage) -> Pictures:
    """Return the scored rows as a viewer sees them."""
    subject, rows = stage.subject, stage.halves.scored
    values, image = subject.values[rows], subject.originals.shape[1:]
    if are_maps(values.shape[1:], image):
        as_picture = enlarged if are_grey_levels(values.dtype) else flattened
        values = as_picture(values, (image[0], image[1]))
    return viewed(values, subject.geometry.peak)


def _best_pictures(trials: Sequence[Trial], rows: NDArray[np.int64]) -> Pictures:
    """Return of each image the picture that came nearest to its original, [n,h,w,c]."""
    scores = [trial.images for trial in trials if trial.images]
    by = "psnr" if np.isnan(scores[0].ssim).any() else "ssim"
    best = np.argmax([getattr(one, by)[rows] for one in scores], axis=0)
    pictures = [np.asarray(t.found.images)[rows] for t in trials if t.found and t.images]
    channels = max(one.shape[3] for one in pictures)
    every = [np.broadcast_to(one, (*one.shape[:3], channels)) for one in pictures]
    return np.stack([every[which][row] for row, which in enumerate(best)]).astype(np.float64)
