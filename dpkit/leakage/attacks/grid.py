"""The grid of a mixed image, and which blocks at one place of it are equal.

    symbol   here            meaning                                     paper
    L_b      length          height of a block, along the rows           IV.B
    W_b      block_width     width of a block                            IV.B
    N_b      len(grid)       blocks of an image, ⌈h/L_b⌉ ⌈w/W_b⌉         Eq. 6
    N_s      donors          others whose blocks an image may hold       Algorithm 1
    s        kept            share of blocks that stay in place          mix_bounds.py

Block mixing (arXiv 2105.08876) never moves a block: what stands at a place stood there in an
original. So blocks are compared with those at the same place alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.mix_bounds import expected_unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Kinds = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Grid:
    """How the images of one release are cut; the last row and column may be smaller.

    `donors` is N_s and `kept` the expected share of an image's blocks that are its own, 0 to 1.
    """

    height: int
    width: int
    length: int
    block_width: int
    donors: int
    kept: float

    def __len__(self) -> int:
        return self.down * self.across

    @property
    def down(self) -> int:
        """Blocks in a column of them."""
        return -(-self.height // self.length)

    @property
    def across(self) -> int:
        """Blocks in a row of them."""
        return -(-self.width // self.block_width)

    def windows(self) -> Iterator[tuple[slice, slice]]:
        """Give the pixels of each place, row by row."""
        for top in range(0, self.height, self.length):
            for left in range(0, self.width, self.block_width):
                yield slice(top, top + self.length), slice(left, left + self.block_width)

    def pieces(self, images: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Give the blocks of images [n,c,h,w] at each place, flat [n,·]."""
        for rows, columns in self.windows():
            yield images[:, :, rows, columns].reshape(len(images), -1)

    def kinds(self, images: NDArray[Any]) -> Kinds:
        """Return a number for each block of images [n,c,h,w], int32 [n,N_b], from 0 at each place.

        Two images have one number at a place where, and only where, their blocks are equal.
        """
        return np.stack([_numbered(piece) for piece in self.pieces(images)], axis=1)


def grid_of(view: AdversaryView) -> Grid:
    """Return the grid of a mixed release.

    Raises
    ------
    UsageError
        The release is not mixed, or its parameters are none of mixing.
    """
    if view.sanitizer != "mix":
        raise UsageError(f"a release of {view.sanitizer} has no mixed blocks")
    kept = expected_unchanged(view.parameters, view.geometry)
    length, width, donors = (view.parameters.get(name) for name in ("Lb", "Wb", "Ns"))
    if not (isinstance(length, int) and isinstance(width, int) and isinstance(donors, int)):
        raise UsageError(f"Lb {length!r}, Wb {width!r}, Ns {donors!r} are not whole numbers")
    shape = view.geometry.height, view.geometry.width
    if view.values.shape[2:] != shape:
        raise UsageError(f"mixed images {view.values.shape} are not of {shape}")
    return Grid(*shape, length, width, donors, kept)


def gallery_of(view: AdversaryView) -> NDArray[Any]:
    """Return the gallery in the released layout [g,c,h,w], or raise `UsageError`."""
    if view.gallery is None:
        raise UsageError("this attack needs a gallery, and the view has none")
    return np.moveaxis(view.gallery, -1, 1).astype(view.values.dtype)


def without_gallery(view: AdversaryView) -> str:
    """Say that a gallery is missing; empty where there is one."""
    return "" if view.gallery is not None else "no gallery holds the originals"


def occurrences(kinds: Kinds) -> NDArray[np.int64]:
    """Return how many images have each one's block at its place, int64 [n,N_b], itself counted."""
    found = np.empty(kinds.shape, np.int64)
    for place, numbers in enumerate(kinds.T):
        found[:, place] = np.bincount(numbers)[numbers]
    return found


def grey_levels(view: AdversaryView, images: NDArray[Any]) -> NDArray[np.float64]:
    """Return images [n,c,h,w] of released values as [n,h,w,c], within 0 to peak."""
    return np.asarray(np.clip(np.moveaxis(images, 1, -1), 0, view.geometry.peak), dtype=np.float64)


def _numbered(piece: NDArray[Any]) -> Kinds:
    flat = np.ascontiguousarray(piece)
    whole = flat.view(np.dtype((np.void, flat.shape[1] * flat.itemsize)))[:, 0]
    return np.unique(whole, return_inverse=True)[1].reshape(-1).astype(np.int32)
