"""Labelled images and checkpoints in memory: what learned sanitizers are given in tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dpkit.types import Geometry, Part


@dataclass
class LabelledImages:
    """Images that are there already; `asked` lists the rows that were read, `damaged` the bad."""

    stack: np.ndarray
    labels: np.ndarray
    parts: tuple[Part, ...]
    groups: np.ndarray
    asked: list[int] = field(default_factory=list)
    damaged: tuple[int, ...] = ()

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1

    def __len__(self) -> int:
        return len(self.stack)

    def pixels(self, rows):
        self.asked += rows.tolist()
        return self.stack[rows]

    def readable(self, rows):
        return ~np.isin(rows, self.damaged)


class KeptCheckpoints:
    """The last checkpoint, as copies."""

    def __init__(self):
        self.last = None
        self.saves = 0

    def load(self):
        return self.last

    def save(self, settings, arrays):
        self.saves += 1
        self.last = (dict(settings), {name: np.array(value) for name, value in arrays.items()})


def striped(geometry: Geometry, n: int = 24, parts: tuple[Part, ...] = ()) -> LabelledImages:
    """Random pixels, half of them darkened in every other row: two classes that can be told."""
    rng = np.random.default_rng(n)
    shape = (n, geometry.height, geometry.width, geometry.channels)
    stack = rng.integers(0, geometry.peak, shape, endpoint=True).astype(geometry.pixel_dtype)
    labels = np.arange(n, dtype=np.int64) % 2
    stack[labels == 1, ::2] //= 4
    return LabelledImages(stack, labels, parts or ("train",) * n, np.arange(n, dtype=np.int64))
