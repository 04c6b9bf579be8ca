"""Faces in pictures: where they stand, and whose they are, by models that anybody can have.

detector     dlib's, of frontal faces: histograms of oriented gradients (Dalal and Triggs, CVPR
             2005) under a max-margin filter (King, arXiv 1502.00046)
recogniser   dlib's residual network: 128 values of a face that five landmarks have turned upright
             and cut to 150x150; two pictures of one person lie nearer than `SAME_PERSON`

Both come with the extra `faces`. A picture is first brought to a shorter side of 256 or 512
pixels: the detector knows faces of about 80 pixels and more.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from dpkit.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

SIDES: Final = (256, 512)  # pixels of the shorter side; beyond, small faces cost four times as much
LONGEST: Final = 2048  # pixels of the longer side
WORTH: Final = 1.25  # times as many faces, and the larger side is taken
VALUES: Final = 128  # of a description
ALIKE: Final = 0.5  # overlap of two places, intersection over union
MOSTLY: Final = 0.8  # of the pictures
SAME_PERSON: Final = 0.6  # distance of two descriptions (the recogniser's own threshold)
INSTALL: Final = "pip install 'dpkit[faces]'"
_PACKAGES: Final = ("dlib", "face_recognition_models")
_LANDMARKS: Final = (
    "shape_predictor_5_face_landmarks.dat",
    9_150_489,
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)
_RECOGNISER: Final = (
    "dlib_face_recognition_resnet_model_v1.dat",
    22_466_066,
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)


def are_available() -> bool:
    """Say whether the extra `faces` is installed."""
    return all(find_spec(package) is not None for package in _PACKAGES)


def require_faces() -> None:
    """Raise `UsageError` with the remedy where the extra `faces` is not installed."""
    if not are_available():
        raise UsageError("looking for faces needs the extra faces", remedy=INSTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The loaded models, and to which shorter side pictures are brought, in pixels."""

    side: int
    _models: _Models

    @classmethod
    def load(cls, side: int = SIDES[0]) -> Faces:
        """Load the models.

        Raises
        ------
        UsageError
            The extra `faces` is not installed.
        IntegrityError
            A file of the models is not the one that is known.
        """
        require_faces()
        return cls(side, _models())

    def detect(self, images: NDArray[Any]) -> list[Boxes]:
        """Return the faces of each picture, the largest first.

        Parameters
        ----------
        images
            u8 or u16 [n,h,w,1 or 3], grey levels of the whole type.

        Returns
        -------
        Of each picture float64 [k,5]: left, top, right and bottom edge as shares of its width and
        height, a face at the edge reaches beyond 0 or 1; and how sure the detector is, above 0.
        """
        return [self._boxes(picture) for picture in self._pictures(images)]

    def describe(self, images: NDArray[Any], boxes: Boxes) -> NDArray[np.float64]:
        """Return the description of one face of each picture, float64 [n,128].

        Parameters
        ----------
        images
            As for `detect`.
        boxes
            float64 [n,4 or more], where the face stands; the whole picture is (0, 0, 1, 1). A row
            of NaN has no face, and its description is NaN.
        """
        found = np.full((len(images), VALUES), np.nan)
        for row, (picture, box) in enumerate(zip(self._pictures(images), boxes, strict=True)):
            if not np.isnan(box).any():
                found[row] = self._described(picture, box[:4])
        return found

    def _pictures(self, images: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
        for image in images:
            yield _enlarged(image, self.side)

    def _boxes(self, picture: NDArray[np.uint8]) -> Boxes:
        high, wide = picture.shape[:2]
        places, sure, _ = self._models.detector.run(picture, 0, 0.0)
        found = sorted(zip(places, sure, strict=True), key=lambda one: -one[0].area())
        edges = [(b.left(), b.top(), b.right() + 1, b.bottom() + 1, how) for b, how in found]
        return np.array(edges, np.float64).reshape(-1, 5) / (wide, high, wide, high, 1)

    def _described(self, picture: NDArray[np.uint8], box: Boxes) -> NDArray[np.float64]:
        high, wide = picture.shape[:2]
        left, top, right, bottom = np.rint(box * (wide, high, wide, high)).astype(int).tolist()
        place = self._models.rectangle(left, top, right - 1, bottom - 1)
        points = self._models.landmarks(picture, place)
        return np.array(self._models.recogniser.compute_face_descriptor(picture, points))


def fitted_to(originals: NDArray[Any]) -> tuple[Faces, list[Boxes]]:
    """Return models with the side at which originals show their faces, and these faces.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c].

    Raises
    ------
    UsageError, IntegrityError
        As `Faces.load`.
    """
    small, large = (Faces.load(side) for side in SIDES)
    coarse, fine = small.detect(originals), large.detect(originals)
    if _with_face(fine) > WORTH * _with_face(coarse):
        return large, fine
    return small, coarse


def largest(found: Sequence[Boxes]) -> Boxes:
    """Return the largest face of each picture, float64 [n,5]; NaN where there is none."""
    none = np.full(5, np.nan)
    return np.array([boxes[0] if len(boxes) else none for boxes in found]).reshape(-1, 5)


def usual_place(boxes: Boxes) -> Boxes | None:
    """Return where the face stands in most pictures, float64 [4]; None where it differs.

    Parameters
    ----------
    boxes
        float64 [n,4], a face each.
    """
    place = np.median(boxes, axis=0)
    is_alike = _overlaps(boxes, place) >= ALIKE
    return place if len(boxes) and is_alike.mean() >= MOSTLY else None


def _overlaps(boxes: Boxes, place: Boxes) -> NDArray[np.float64]:
    sides = np.minimum(boxes[:, 2:], place[2:]) - np.maximum(boxes[:, :2], place[:2])
    both = np.maximum(sides, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), (place[2:] - place[:2]).prod()
    shares: NDArray[np.float64] = both / (areas[0] + areas[1] - both)
    return shares


def _with_face(found: Sequence[Boxes]) -> int:
    return sum(len(boxes) > 0 for boxes in found)


def _enlarged(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Return a picture [h,w,1 or 3] in colour, its shorter side `side` pixels, u8."""
    shown = np.rint(image / 257).astype(np.uint8) if image.dtype == np.uint16 else image
    picture = Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown).convert("RGB")
    gain = min(side / min(picture.size), LONGEST / max(picture.size))
    size = tuple(max(1, round(pixels * gain)) for pixels in picture.size)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))  # type: ignore[arg-type]  # two of them


@dataclass(frozen=True, slots=True, eq=False)
class _Models:
    """What dlib made of its files, and its type of a place in a picture."""

    detector: Any
    landmarks: Any
    recogniser: Any
    rectangle: Any


@cache
def _models() -> _Models:
    import dlib  # noqa: PLC0415 (an extra)

    return _Models(
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(_checked(*_LANDMARKS)),
        dlib.face_recognition_model_v1(_checked(*_RECOGNISER)),
        dlib.rectangle,
    )


def _checked(name: str, size: int, digest: str) -> str:
    """Return the path of a model's file, which a native parser will read: only if it is known."""
    spec = find_spec("face_recognition_models")  # by path: the package itself needs pkg_resources
    folders = (spec.submodule_search_locations or []) if spec else []
    path = next((p for f in folders if (p := Path(f) / "models" / name).is_file()), None)
    if path is None:
        raise UsageError(f"the extra faces lacks {name}", remedy=INSTALL)
    if path.stat().st_size != size or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise IntegrityError(
            f"{name} is not the model that dpkit knows",
            remedy="install face-recognition-models 0.3.0 anew",
        )
    return str(path)
