"""What an audit found: the attacks, the ladder over them, and one verdict; never a pixel."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import dataclass
from typing import Final

from dpkit.errors import IntegrityError
from dpkit.types.attacks import AttackResult  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.faces import FaceFindings  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.ladder import RungResult  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.scores import ImageScores  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.utility import Utility  # noqa: TC001 (strict_json reads the annotations)

VERDICTS: Final = ("broken", "leaks", "none", "unknown")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The top line.

    Parameters
    ----------
    word
        One of `VERDICTS`: `none` where no attack succeeded, `unknown` where none had power.
    sentence
        In plain words, beginning with "broken: …", "leaks: …" or "no attack …".
    advice
        What to change, one sentence each.
    had_power, of
        How many attacks were carried out and had power, of how many that are meant for such a
        release.
    """

    word: str
    sentence: str
    advice: tuple[str, ...]
    had_power: int
    of: int

    def __post_init__(self) -> None:
        if self.word not in VERDICTS:
            raise IntegrityError(f"verdict {self.word!r} is not one of {', '.join(VERDICTS)}")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a guess without the release scores: constant, public mean, class mean, other image."""

    name: str
    images: ImageScores


@dataclass(frozen=True, slots=True)
class PairsPoint:
    """What `known` known images gave."""

    known: int
    images: ImageScores


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that one audit found.

    Parameters
    ----------
    mode
        `quick` or `full`.
    tool, seed, budget_seconds
        What ran, from which seed, with how much time.
    images
        Attacked images: the half of the sample that is scored.
    adversary_images
        The other half, whose groups play the adversary's own set; none is scored.
    released_rows
        How many rows of the release the attacks saw.
    public
        Which pictures served as the adversary's, in words.
    best
        Per image the best over all attacks that had power and need no key (A0 to A7).
    pairs
        The curve over known images, fewest first.
    pairs_needed
        The fewest known images with a mean SSIM of 0.5 and 0.9, by `0.5` and `0.9`; None where
        the curve did not reach it.
    faces
        None where no faces were looked for.
    """

    mode: str
    tool: str
    seed: int
    budget_seconds: float
    seconds: float
    images: int
    adversary_images: int
    released_rows: int
    public: str
    verdict: Verdict
    best: ImageScores | None
    guesses: tuple[Guess, ...]
    rungs: tuple[RungResult, ...]
    attacks: tuple[AttackResult, ...]
    pairs: tuple[PairsPoint, ...]
    pairs_needed: Mapping[str, int | None]
    utility: Utility | None
    faces: FaceFindings | None = None
