"""The provider's images as batches, and which of them learn and which decide.

Who decides (when to stop, which epoch counts) is the release's validation part; where it has none,
a tenth of the training part, whole groups. The test part is never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from dpkit.errors import UsageError
from dpkit.training.draws import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from dpkit.types.supply import Supply, TrainingImages

    Rows = NDArray[np.int64]

DECIDING: Final = 10  # one group in so many decides, where there is no validation part
LEAST_CLASSES: Final = 2
FOR_MEAN: Final = 2_000  # images that the mean image is of, at most
AT_ONCE: Final = 64
LEAST: Final = 4  # images that learn: a batch norm needs two


@dataclass(frozen=True, slots=True)
class Split:
    """Rows that are learned from and rows that decide, int64 each, and where the latter are from.

    `deciding_from` is "validation part" or "a tenth of the training part".
    """

    learned: Rows
    deciding: Rows
    deciding_from: str


def split(images: TrainingImages, seed: int) -> Split:
    """Return the labelled rows that learn and those that decide; no group is in both.

    Images that cannot be read are in neither.

    Raises
    ------
    UsageError
        There are too few of either.
    """
    parts, known = np.array(images.parts), images.labels >= 0
    train, deciding = (
        rows[images.readable(rows)]
        for rows in (np.flatnonzero((parts == part) & known) for part in ("train", "validation"))
    )
    came_from = "validation part"
    if not len(deciding):
        train, deciding = _tenth(train, images.groups, seed)
        came_from = "a tenth of the training part"
    if len(train) < LEAST or not len(deciding):
        raise UsageError(
            f"{len(train)} labelled images to learn from and {len(deciding)} to decide by are too "
            f"few: {LEAST} and 1 at least",
            remedy="give more labelled images, or smaller groups",
        )
    return Split(train, deciding, came_from)


def _tenth(train: Rows, groups: Rows, seed: int) -> tuple[Rows, Rows]:
    names = np.unique(groups[train])
    chosen = generator(seed, "deciding").permutation(names)[: max(1, len(names) // DECIDING)]
    decides = np.isin(groups[train], chosen)
    return train[~decides], train[decides]


class Pictures:
    """Batches of the provider's images on one device.

    Parameters
    ----------
    peak
        The largest channel value.
    """

    def __init__(self, images: TrainingImages, peak: int, device: torch.device) -> None:
        self.peak, self.device, self.classes = peak, device, images.classes
        self._images = images

    def images(self, rows: Rows) -> Tensor:
        """Return images, float32 [k,c,h,w] of 0 to 1."""
        planes = np.moveaxis(self._images.pixels(rows), -1, 1).astype(np.float32) / self.peak
        return torch.from_numpy(np.ascontiguousarray(planes)).to(self.device)

    def labels(self, rows: Rows) -> Tensor:
        """Return classes, int64 [k]."""
        return torch.from_numpy(self._images.labels[rows]).to(self.device)


def images_of(supply: Supply | None) -> TrainingImages:
    """Return the labelled images of a supply.

    Raises
    ------
    UsageError
        It has none, or they are not of two classes.
    """
    images = None if supply is None else supply.images
    if images is None:
        raise UsageError("a network is trained on labelled images, and there are none at hand")
    if images.classes < LEAST_CLASSES or not (images.labels >= 0).any():
        raise UsageError(
            "a network is trained to tell classes apart: each image must have one label, and "
            f"there must be {LEAST_CLASSES} or more of them; {_found(images)}",
            remedy="put each class into a folder of its own, or give --labels CSV --task single",
        )
    return images


def _found(images: TrainingImages) -> str:
    if (images.labels >= 0).any():
        return "here all images have the same one"
    if images.classes:
        return "here an image has several labels, or none"
    return "here are no classes: images without labels, or with numbers"


def remarks(images: TrainingImages, rows: Split) -> list[str]:
    """Return what a training on these rows cannot learn or cannot judge, in sentences."""
    learned = np.bincount(images.labels[rows.learned], minlength=images.classes)
    deciding = np.bincount(images.labels[rows.deciding], minlength=images.classes)
    found = []
    if missing := int((learned == 0).sum()):
        found.append(f"{missing} of {images.classes} classes have no image to learn from")
    elif missing := int((deciding == 0).sum()):
        found.append(
            f"{missing} of {images.classes} classes are not among the {len(rows.deciding)} images "
            "that decide: their accuracy says nothing of them"
        )
    return found


def beside_guess(images: TrainingImages, rows: Split) -> str:
    """Say of which images an accuracy is, and what the largest of their classes would reach."""
    share = np.bincount(images.labels[rows.deciding]).max() / len(rows.deciding)
    return (
        f"{len(rows.deciding)} images ({rows.deciding_from}; "
        f"the largest class alone would reach {share:.3f})"
    )


def mean_image(pictures: Pictures, rows: Rows) -> Tensor:
    """Return the mean [c,h,w] of the images of some rows, of 0 to 1; of 2,000 at most."""
    chosen = rows[:: -(-len(rows) // FOR_MEAN)]
    parts = [chosen[start : start + AT_ONCE] for start in range(0, len(chosen), AT_ONCE)]
    total = torch.stack([pictures.images(part).sum(dim=0) for part in parts]).sum(dim=0)
    return total / len(chosen)
