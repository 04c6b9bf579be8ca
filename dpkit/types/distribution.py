"""One metric over all images of a release, and over what a guess gives."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import dataclass
from typing import Final

from dpkit.errors import IntegrityError

PERCENTILES: Final = ("1", "5", "25", "50", "75", "95", "99")


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
