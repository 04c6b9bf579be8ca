"""The ladder of adversaries, A0 to A8, and what the best attack of each rung reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dpkit.types.scores import ImageScores, LinkScores  # noqa: TC001 (strict_json reads the annotations)

if TYPE_CHECKING:
    from collections.abc import Mapping

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
