"""What is known about what a release gives away: figures, bounds, settings; never a pixel.

A `LeakageReport` becomes `report.json` and the page `report.html`. Nothing in it names or
shows an original, and in a released one every figure that was computed from originals is an
aggregate over at least `LEAST_IMAGES` images.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import dataclass
from typing import Final

from dpkit.types.audit import Audit, Verdict  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.bound import Bound  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.distribution import Baseline, Distribution  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.images import Geometry  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.json_schema import schema
from dpkit.types.promise import PrivacyGuarantee  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.report_versions import UPGRADES, VERSION
from dpkit.types.strict_json import dump, load
from dpkit.types.training_curve import TrainingCurve  # noqa: TC001 (strict_json reads the annotations)

LEAST_IMAGES: Final = 20

STATEMENT: Final = (
    "No attack was run on this release: the figures below say how it looks, not how safe it is"
)


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
        return load(cls, text, "report.json", VERSION, upgrades=UPGRADES)


def power(verdict: Verdict) -> str:
    """Return how many attacks would have been seen to succeed, of how many, as a sentence."""
    return f"{verdict.had_power} of {verdict.of} attacks had power here"


def statement_of(audit: Audit | None) -> str:
    """Return the first line of a report: the audit's verdict, led by how many attacks had power."""
    if audit is None:
        return STATEMENT
    said = audit.verdict.sentence.rstrip(".")
    return f"{power(audit.verdict)}. {said[:1].upper()}{said[1:]}"
