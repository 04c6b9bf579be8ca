"""A number that a paper states of a release, and whether it is a statement about safety."""

from __future__ import annotations

from dataclasses import dataclass


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
