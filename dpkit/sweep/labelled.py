"""Labelled images in memory, and the parts that learn, decide and are scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from dpkit.errors import UsageError
from dpkit.types import Geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from dpkit.types import Part

TESTED: Final = 0.2  # of each class, for the scores
DECIDING: Final = 0.1  # of each class, to choose epochs, rates and attackers' ends
PEAK: Final = 255


class LabelledImages:
    """Images u8 [n,h,w,c] with labels int64 [n] and parts, in memory (`types.TrainingImages`)."""

    def __init__(
        self, stack: NDArray[np.uint8], labels: NDArray[np.int64], parts: tuple[Part, ...]
    ) -> None:
        self.stack, self.labels, self.parts = stack, labels, parts
        self.groups = np.arange(len(stack))
        self.classes = int(labels.max()) + 1

    def __len__(self) -> int:
        return len(self.stack)

    def pixels(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images u8 [k,h,w,c]."""
        return self.stack[rows]

    @property
    def geometry(self) -> Geometry:
        """Their shape."""
        _, height, width, channels = self.stack.shape
        return Geometry(channels, height, width, 8)

    def rows(self, part: Part) -> Tensor:
        """Return the rows of a part, int64."""
        return torch.from_numpy(np.flatnonzero(np.array(self.parts) == part))

    def tensor(self) -> Tensor:
        """Return images float32 [n,c,h,w] of 0 to 1."""
        planes = np.ascontiguousarray(np.moveaxis(self.stack, -1, 1), dtype=np.float32)
        return torch.from_numpy(planes / np.float32(PEAK))


def drawn_parts(labels: NDArray[np.int64], seed: int) -> tuple[Part, ...]:
    """Draw seven images of ten of each class to learn from, one to decide by, two to be scored.

    Raises
    ------
    UsageError
        A class has too few images for all three.
    """
    rng = np.random.default_rng(seed)
    parts: NDArray[np.object_] = np.full(len(labels), "train", dtype=object)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        tested, deciding = round(TESTED * len(rows)), round(DECIDING * len(rows))
        if not tested or not deciding:
            raise UsageError(f"class {label} has {len(rows)} images, and 5 are too few")
        parts[rows[:tested]] = "test"
        parts[rows[tested : tested + deciding]] = "validation"
    return tuple(parts)
