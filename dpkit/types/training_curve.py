"""How a learned sanitizer was trained, as its report shows it."""

from __future__ import annotations

from dataclasses import dataclass


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
