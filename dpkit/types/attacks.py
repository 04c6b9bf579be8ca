"""What one attack found, and what its controls say of it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import dataclass
from typing import Final

from dpkit.errors import IntegrityError
from dpkit.types.ladder import RUNGS
from dpkit.types.scores import ImageScores, LinkScores  # noqa: TC001 (strict_json reads the annotations)

STATES: Final = ("succeeded", "no success", "no power", "timed out", "crashed", "not tried")


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
