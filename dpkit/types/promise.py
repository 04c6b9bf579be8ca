"""The differential privacy that a report tells of: what is promised, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass


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
