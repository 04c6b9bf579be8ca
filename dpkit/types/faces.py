"""What an audit found of faces: on originals, release and reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpkit.types.scores import Interval, LinkScores  # noqa: TC001 (strict_json reads the annotations)

# `FaceScores.what`, beside the keys of `RUNGS`; a guess has its name after `GUESS`
ORIGINALS: Final = "the originals"
RELEASE: Final = "the release, as it is seen"
MIRRORED: Final = "the originals, mirrored"
SAME_GROUP: Final = "another original of the same group"
GUESS: Final = "guess: "


@dataclass(frozen=True, slots=True)
class FaceScores:
    """What one set of pictures shows of originals that have a face.

    Parameters
    ----------
    what
        The pictures: `ORIGINALS`, `MIRRORED`, `SAME_GROUP`, `RELEASE`, a rung, or a guess.
    n
        Pictures, each of an original with a face; of `ORIGINALS` all that were looked at.
    detected
        Share in which a face is found.
    links
        How well descriptions of the face tell whose original is whose, among one original of each
        group; None where these are too few, and for the originals themselves.
    auc
        How often a true pair is nearer than a false one; ties count half.
    matched
        Share that holds a face, near enough to its own original's to pass as the same person.
    """

    what: str
    n: int
    detected: Interval
    links: LinkScores | None
    auc: float | None
    matched: Interval | None


@dataclass(frozen=True, slots=True)
class FaceFindings:
    """Faces on originals, release and reconstructions.

    Parameters
    ----------
    looked, with_face
        Scored originals that were looked at, and those that hold a face.
    scores
        By set of pictures; empty where too few originals hold a face, or the figures are withheld.
    sentence
        In plain words.
    """

    looked: int
    with_face: int
    scores: tuple[FaceScores, ...]
    sentence: str
