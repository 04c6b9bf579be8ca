"""What is known about what a release gives away: figures, bounds, settings; never a pixel.

A `LeakageReport` becomes `report.json` and the page `report.html`. Nothing in it names or
shows an original, and in a released one every figure that was computed from originals is an
aggregate over at least `LEAST_IMAGES` images.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import dataclass
from typing import Any, Final

from dpkit.errors import IntegrityError
from dpkit.types.audit import Audit, Verdict  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.images import Geometry  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.json_schema import schema
from dpkit.types.strict_json import dump, load

VERSION: Final = 3
LEAST_IMAGES: Final = 20
PERCENTILES: Final = ("1", "5", "25", "50", "75", "95", "99")

STATEMENT: Final = (
    "No attack was run on this release: the figures below say how it looks, not how safe it is"
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """One metric over all images.

    Parameters
    ----------
    metric
        Its name in the table of metrics.
    n
        Images that have the figure; `not_defined` counts those that have none.
    infinite
        How many of the `n` are infinite (PSNR of identical pictures).
    mean, std
        Over the finite figures; None where there are none. `std` divides by their number.
    percentiles
        By `PERCENTILES`, each the figure of one image (nearest rank); empty where n is 0.
    worst
        The figure of the image most like its original; None where n is 0.
    counts, edges
        Histogram of the finite figures: `counts[i]` of them lie in `edges[i]` to `edges[i + 1]`.
    """

    metric: str
    n: int
    not_defined: int
    infinite: int
    mean: float | None
    std: float | None
    percentiles: Mapping[str, float]
    worst: float | None
    counts: tuple[int, ...]
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        if min((self.n, self.not_defined, self.infinite, *self.counts)) < 0:
            raise IntegrityError(f"a count of {self.metric} is below 0")
        if len(self.edges) != (len(self.counts) + 1 if self.counts else 0):
            raise IntegrityError("a histogram has one edge more than it has counts")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a guess without the release scores: `mean image` or `another image`."""

    name: str
    measured: Mapping[str, Distribution]


@dataclass(frozen=True, slots=True)
class Bound:
    """A number that a paper states, as a claim.

    Parameters
    ----------
    name, equation
        What it is called here, and where it stands in the paper.
    claim
        What the paper concludes from it.
    value
        The number for this release, as text (it may be far below the smallest float).
    log2, log10
        Logarithms of a probability; None where the value is none.
    unit
        `probability`, `factor`, `grey levels`, `images` or `blocks`.
    holds
        Whether the claim holds as a statement about safety; None where that is not known.
    reason
        Why.
    """

    name: str
    equation: str
    claim: str
    value: str
    log2: float | None
    log10: float | None
    unit: str
    holds: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """How far restored pixels are from the originals, in grey levels of the source depth."""

    max_error: float
    mean_error: float
    share_exact: float  # of the images whose every pixel came back equal


@dataclass(frozen=True, slots=True)
class Count:
    """Images and groups of one part and label; the label is empty for the whole part.

    `least_pool` is the smallest number of images of one shard among which one of them found its
    donors, itself counted; 0 where images are not mixed.
    """

    part: str
    label: str
    images: int
    groups: int
    least_pool: int = 0


@dataclass(frozen=True, slots=True)
class EpsilonTotal:
    """So many different images of a release have cost this ε, over all releases together."""

    epsilon: str  # exact, at the release's own neighbourhood
    images: int


@dataclass(frozen=True, slots=True)
class PrivacyGuarantee:
    """The differential privacy that is promised of each image, and what is not.

    Parameters
    ----------
    epsilon, per_pixel
        ε of one released image, all channels together, and ε/m; exact, as decimal or fraction.
    neighborhood
        m, pixels in which two originals may differ.
    promise, not_promised, composition
        The same in sentences: what holds, what does not, and how releases add up.
    releases, totals
        How many releases of the keystore hold one of the images, and what the images have cost
        over these, the most first; in the provider's edition alone, else 0 and empty.
    """

    epsilon: str
    neighborhood: int
    per_pixel: str
    promise: str
    not_promised: tuple[str, ...]
    composition: str
    releases: int
    totals: tuple[EpsilonTotal, ...]


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """How the networks of a learned sanitizer came to be.

    Parameters
    ----------
    columns
        What each epoch has a figure of.
    epochs
        The figures of each epoch, the first first.
    kept
        The number of the epoch whose weights count, from 1.
    deciding
        How many images decided that; the curve is of these and of those that it learned from.
    """

    columns: tuple[str, ...]
    epochs: tuple[tuple[float, ...], ...]
    kept: int
    deciding: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How the figures were computed."""

    ssim: str
    view: str
    peak: int
    window: int  # side in pixels; below 3 SSIM is not defined
    baselines: str


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """The evidence of one release.

    Parameters
    ----------
    version
        3; a report of version 1 is read as one without an audit, and one of version 2 as one
        without a guarantee and for which no faces were looked for.
    release_id, created, tool
        As in the manifest.
    sanitizer, parameters, geometry
        What was done, with which public parameters, to images of which shape.
    treatment
        The same in sentences.
    statement
        `STATEMENT` where there is no audit, else its verdict (`statement_of`); in the released
        edition of a differentially private release, its promise in one line.
    known_images_sentence
        What is known without an attack: how many known images open all of them, how much of an
        image is still in place, or what is promised; empty where nothing is known.
    images
        In the release.
    withheld
        Why there are no figures; empty where there are.
    measured, baselines
        By metric; empty where withheld.
    bounds
        The paper's numbers.
    audit
        What was attacked, and what came of it; None where no audit was made.
    round_trip
        None where it was not measured or is withheld.
    guarantee
        None where no differential privacy is promised. Where it is, the released edition holds
        nothing that was computed from originals.
    training
        None where nothing was trained, or where it is withheld.
    """

    version: int
    release_id: str
    created: str
    tool: str
    sanitizer: str
    parameters: Mapping[str, bool | int | float | str | None]
    geometry: Geometry
    treatment: tuple[str, ...]
    statement: str
    known_images_sentence: str
    images: int
    withheld: str
    measured: Mapping[str, Distribution]
    baselines: tuple[Baseline, ...]
    bounds: tuple[Bound, ...]
    audit: Audit | None
    round_trip: RoundTrip | None
    counts: tuple[Count, ...]
    notices: tuple[str, ...]
    settings: Settings
    guarantee: PrivacyGuarantee | None = None
    training: TrainingCurve | None = None

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks that were carried out and had power; the others count as not run."""
        results = self.audit.attacks if self.audit else ()
        return tuple(dict.fromkeys(found.name for found in results if found.had_power))

    @property
    def attacks_run(self) -> bool:
        """Whether any attack was run."""
        return bool(self.attacks)

    @property
    def top_line(self) -> str:
        """The statement, and how many known images open all of them."""
        return ". ".join(filter(None, (self.statement, self.known_images_sentence)))

    def to_json(self) -> str:
        """Return the canonical text of `report.json`."""
        return dump(self)

    @classmethod
    def schema(cls) -> str:
        """Return the JSON Schema of `report.json`, as text."""
        return schema(cls, "report.json of a dpkit release", VERSION)

    @classmethod
    def from_json(cls, text: str | bytes) -> LeakageReport:
        """Read a stranger's `report.json`, of this version or of an older one.

        Raises
        ------
        UsageError
            It is of a newer version.
        IntegrityError
            It is not exactly a report.
        """
        return load(cls, text, "report.json", VERSION, upgrades=_UPGRADES)


def power(verdict: Verdict) -> str:
    """Return how many attacks would have been seen to succeed, of how many, as a sentence."""
    return f"{verdict.had_power} of {verdict.of} attacks had power here"


def statement_of(audit: Audit | None) -> str:
    """Return the first line of a report: the audit's verdict, led by how many attacks had power."""
    if audit is None:
        return STATEMENT
    said = audit.verdict.sentence.rstrip(".")
    return f"{power(audit.verdict)}. {said[:1].upper()}{said[1:]}"


def _from_version_1(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as this version has it; version 1 had no audit, and named no attack."""
    newer = {**content, "audit": None}
    if newer.pop("attacks", None) != [] or "audit" in content:
        raise IntegrityError("report.json of version 1 has an empty list of attacks and no audit")
    return _from_version_2(newer)


def _from_version_2(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as this version has it; version 2 had no guarantee, curve or faces."""
    audit = content.get("audit")
    for name in ("guarantee", "training"):
        if name in content:
            raise IntegrityError(f"report.json of version 2 has no {name}")
    if isinstance(audit, dict):
        if "faces" in audit:
            raise IntegrityError("report.json of version 2 has no faces in its audit")
        audit = {**audit, "faces": None}
    newer = {"version": VERSION, "guarantee": None, "training": None, "audit": audit}
    return {**content, **newer}


_UPGRADES: Final = {1: _from_version_1, 2: _from_version_2}
