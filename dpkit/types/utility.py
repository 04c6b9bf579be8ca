"""What a network learned of originals and release, as an audit measured it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_TRAINED: Final = {True: 5_000, False: 1_500}  # images of `--utility`, full and quick
ON_RELEASE: Final = "the release"  # `UtilityScore.trained_on`


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
