"""What an audit found: per attack, per rung of the ladder, and in one verdict; never a pixel.

Every figure is an aggregate over the attacked images. `worst` is always the image that was
recovered best: the highest SSIM, PSNR or correlation.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import dataclass
from typing import Final

from dpkit.errors import IntegrityError

RUNGS: Final[Mapping[str, str]] = {
    "A0": "looks at the released images",
    "A1": "the shards",
    "A2": "the shards and public pictures",
    "A3": "the shards, their labels and a labelled set of the same kind",
    "A4": "the shards, C^ac and the developer's first layer",
    "A5": "the shards and C^ac, without the first layer",
    "A6": "the shards and some known images",
    "A7": "the shards and the originals in no order, or a gallery that holds them",
    "A8": "the key",
}
WITH_KEY: Final = "A8"  # what is reached there is no part of the verdict
MOST_TRAINED: Final = {True: 5_000, False: 1_500}  # images of `--utility`, full and quick
ON_RELEASE: Final = "the release"  # `UtilityScore.trained_on`
# `FaceScores.what`, beside the keys of `RUNGS`; a guess has its name after `GUESS`
ORIGINALS: Final = "the originals"
RELEASE: Final = "the release, as it is seen"
MIRRORED: Final = "the originals, mirrored"
SAME_GROUP: Final = "another original of the same group"
GUESS: Final = "guess: "
STATES: Final = ("succeeded", "no success", "no power", "timed out", "crashed", "not tried")
VERDICTS: Final = ("broken", "leaks", "none", "unknown")


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval: bootstrap for means, Clopper-Pearson for shares."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over the attacked images: mean with interval, 95th percentile, worst image."""

    mean: Interval
    p95: float
    worst: float


@dataclass(frozen=True, slots=True)
class ImageScores:
    """How near recovered images came to their originals.

    Parameters
    ----------
    n
        Images.
    ssim
        None where it is not defined (a side below 3 pixels).
    psnr
        In decibels.
    ncc
        Correlation over the pixels of an image, without its sign.
    share_50, share_90
        Of the images, with an SSIM of 0.5 and of 0.9 or more; None where it is not defined.
    """

    n: int
    ssim: Spread | None
    psnr: Spread
    ncc: Spread
    share_50: Interval | None
    share_90: Interval | None


@dataclass(frozen=True, slots=True)
class LinkScores:
    """How well released images were told to be somebody's, among `gallery` candidates.

    `top1` is the share whose own original came first; `tpr_1` and `tpr_01` the share of true
    pairs found where 1 % and 0.1 % of false ones are accepted, None where the pairs are too few.
    `chance` is what guessing gives for `top1`.
    """

    n: int
    gallery: int
    top1: Interval
    tpr_1: Interval | None
    tpr_01: Interval | None
    chance: float


@dataclass(frozen=True, slots=True)
class Control:
    """The same attack where the answer is known.

    Parameters
    ----------
    setting
        What was attacked, in words.
    measure
        `SSIM`, `found` (share linked) or the name of a figure.
    value, limit
        What came out, and what a positive control must reach, or a null one must stay below.
    passed
        Whether it did.
    is_cached
        Whether it was computed by an earlier audit with the same code, geometry and seed.
    """

    setting: str
    measure: str
    value: float
    limit: float
    passed: bool
    is_cached: bool


@dataclass(frozen=True, slots=True)
class AttackResult:
    """One attack, tried or not.

    Parameters
    ----------
    name, title, rung, needs
        As in the table of attacks.
    held
        What this adversary held besides the release, in words; empty for nothing.
    state
        One of `STATES`.
    reason
        Why it was not tried, has no power, or did not end; empty else.
    images, links
        Scores; None where it recovers no such thing.
    figures
        What the attack found without any original.
    finding
        What it gives away that is no picture.
    is_upper_bound
        Whether the best of several pictures was chosen with the originals.
    seconds
        Of the wall clock; 0 where it was not tried.
    sentence
        The attack's own words.
    positive, null
        Its controls; None where there are none.
    """

    name: str
    title: str
    rung: str
    needs: str
    held: str
    state: str
    reason: str
    images: ImageScores | None
    links: LinkScores | None
    figures: Mapping[str, float]
    finding: str
    is_upper_bound: bool
    seconds: float
    sentence: str
    positive: Control | None
    null: Control | None

    def __post_init__(self) -> None:
        if self.state not in STATES or self.rung not in RUNGS:
            raise IntegrityError(f"attack {self.name}: {self.state!r} at {self.rung!r}")

    @property
    def had_power(self) -> bool:
        """Whether it was carried out and would have been seen to succeed."""
        return self.state in {"succeeded", "no success"}


@dataclass(frozen=True, slots=True)
class RungResult:
    """What the best attack reached that needs no more than this rung holds.

    Parameters
    ----------
    rung
        A key of `RUNGS`.
    tried, of
        How many attacks of this rung had power here, of how many.
    best
        The title of the attack with the highest mean SSIM; empty where none had power.
    images, links
        Per image the best over the attacks of this rung; the best linkage.
    sentence
        What that means, in plain words.
    """

    rung: str
    tried: int
    of: int
    best: str
    images: ImageScores | None
    links: LinkScores | None
    sentence: str


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
class UtilityScore:
    """Balanced accuracy of one small network, over `seeds` seeds: mean, least and most."""

    trained_on: str
    mean: float
    least: float
    most: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Utility:
    """What a developer can expect to learn, beside a guess that knows the class frequencies."""

    network: str
    images: int
    held_out: int
    scores: tuple[UtilityScore, ...]
    guess: float
    sentence: str


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
