"""Differentially private pixelation: noisy sums of square cells, all in whole numbers.

Fan, "Image Pixelization with Differential Privacy" (DBSec 2018), as "Privacy Partitioning"
gives it in Appendix D, Algorithm 2.

    symbol    here           meaning                                            paper
    b         cell           side of a cell in pixels                           b
    ε         epsilon        of one released image, or channel (`per_channel`)  ε
    m         neighborhood   pixels in which neighbouring images differ         m
    p         peak           the largest grey level, 255 or 65535               255
    a         areas          pixels of a cell: b², less at a ragged edge        b²
    S         sums           sum of a cell's pixels in one channel              a p(I; b)
    t         scale          of the noise on S, p·m·c/ε, or p·m/ε by channel    255·m/ε
    Z         noise          P(z) ∝ exp(-|z|/t), one draw a cell and channel    Laplace

Released is S + Z, and what is computed of it alone: divided by a, clipped, rounded, repeated. As
a mean it has noise of scale p·m·c/(a·ε): for whole cells of a grey image the paper's 255·m/(b²·ε).

Why it is ε-differentially private. Images are neighbours if at most m pixels differ, each in any
of its c channels. A pixel lies in one cell, and a channel of it changes that cell's S by p at
most; so the S of all cells and channels together change by at most p·m·c, however the pixels lie
and however small the cells are. Independent draws make the probability of any outcome change by
at most exp(Σ|ΔS|/t) ≤ exp(p·m·c/t) = e^ε. With `per_channel`, t = p·m/ε bounds each channel by e^ε
and the whole image by e^(c·ε). What follows does not look at the pixels again.

That is a statement about true randomness. The words are a ChaCha20 stream under a key that serves
one release, which nobody has told from it; the sampler is exact (`kernels/discrete_laplace.py`).

The paper's Algorithm 2 adds noise to the image instead of the cells' means in its last line; here
it is one draw a cell, which no averaging over a cell's pixels takes off.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.rng import Stream, derive
from dpkit.sanitizers.base import ImageSanitizer, param, parameters
from dpkit.sanitizers.laplace import draw_laplace
from dpkit.sanitizers.pixelate_words import notices, sentences
from dpkit.types import SanitizedBatch
from dpkit.types.guarantee import Guarantee
from dpkit.types.images import MAX_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Geometry, ImageBatch, Json, Key

LEAST_EPSILON: Final = 0.001  # below, nothing is left of an image
MOST_EPSILON: Final = 10_000  # above, nothing is promised
DECIMALS: Final = 6  # of ε, so that t and s stay small enough for the sampler
_TILE_BYTES: Final = 2**22  # 4 MiB of values or of words at once
_TILE_IMAGES: Final = 1024


@dataclass(frozen=True, slots=True)
class Pixelate(ImageSanitizer):
    """Differentially private pixelation with its public parameters.

    Raises
    ------
    UsageError
        A parameter is outside its range.

    Examples
    --------
    >>> from dpkit.types import Geometry
    >>> colour = Geometry(channels=3, height=64, width=64, depth=8)
    >>> Pixelate(epsilon=0.1).scale(colour)
    Fraction(122400, 1)
    >>> Pixelate(epsilon=0.1, per_channel=True).guarantee(colour)
    Guarantee(epsilon=Fraction(3, 10), neighborhood=16)
    """

    name: ClassVar[str] = "pixelate"
    summary: ClassVar[str] = "Pixelate with noise: differential privacy of some pixels."
    paper: ClassVar[str] = "Image Pixelization with Differential Privacy"
    example: ClassVar[str] = "dpkit pixelate samples/images --cell 16 --epsilon 1 --out release"
    default_size: ClassVar[tuple[int, int]] = (64, 64)
    fresh_keys: ClassVar[bool] = True
    restorable: ClassVar[bool] = False
    unrestorable: ClassVar[str] = (
        "pixelated images cannot be restored: of each cell a noisy mean is left"
    )

    cell: int = param(16, help="Side of a square cell in pixels.", symbol="b", within=(1, MAX_SIDE))
    epsilon: float = param(
        0.5,
        help="Privacy loss of each released image, all channels together.",
        symbol="ε",
        within=(LEAST_EPSILON, MOST_EPSILON),
    )
    neighborhood: int = param(
        16,
        help="Pixels in which images differ that must look alike.",
        symbol="m",
        within=(1, MAX_SIDE),
    )
    per_channel: bool = param(
        False, help="Spend ε on every channel: an image then costs channels times ε."
    )
    grid: bool = param(False, help="Release one pixel a cell, not the image's own size.")

    def __post_init__(self) -> None:
        ImageSanitizer.__post_init__(self)
        if (self.exact_epsilon * 10**DECIMALS).denominator != 1:
            raise UsageError(
                f"--epsilon {self.epsilon} has more than {DECIMALS} decimals",
                remedy=f"round it down, to {int(self.epsilon * 10**DECIMALS) / 10**DECIMALS}",
            )

    @property
    def exact_epsilon(self) -> Fraction:
        """ε as its decimals say: 0.1 is 1/10, not the binary fraction nearest to it."""
        return Fraction(str(self.epsilon))

    def scale(self, geometry: Geometry) -> Fraction:
        """Return t, the scale of the noise on a cell's sum in one channel."""
        shares = 1 if self.per_channel else geometry.channels
        return geometry.peak * self.neighborhood * shares / self.exact_epsilon

    def guarantee(self, geometry: Geometry) -> Guarantee:
        """Return the total of all channels, for images that differ in m pixels."""
        shares = geometry.channels if self.per_channel else 1
        return Guarantee(self.exact_epsilon * shares, self.neighborhood)

    def check(self, geometry: Geometry) -> None:
        """Refuse what the sampler cannot hold in 64 bits.

        Raises
        ------
        UsageError
            With what works.
        """
        from dpkit.kernels.discrete_laplace import most_sum  # noqa: PLC0415 (loads numba, not for --help)

        most = most_sum(self.scale(geometry).denominator)
        largest = geometry.peak * int(self.areas(geometry).max())
        if largest > most:
            raise UsageError(
                f"a cell's sum up to {largest} needs more than 64 bits at --epsilon {self.epsilon}",
                remedy=f"give ε fewer decimals, or --cell {isqrt(most // geometry.peak)} or less",
            )

    def areas(self, geometry: Geometry) -> NDArray[np.int64]:
        """Return the pixels of each cell, int64 [⌈h/b⌉,⌈w/b⌉]."""
        from dpkit.kernels.pixelate import cell_areas  # noqa: PLC0415 (loads numba, not for --help)

        return cell_areas(geometry.height, geometry.width, self.cell)

    def cells(self, geometry: Geometry) -> tuple[int, int]:
        """Return the rows and columns of cells, ⌈h/b⌉ and ⌈w/b⌉."""
        return -(-geometry.height // self.cell), -(-geometry.width // self.cell)

    def notices(self, geometry: Geometry) -> list[str]:
        """Return what is not protected, where ε is weak, and where cells are ragged."""
        return notices(self, geometry)

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return the image's own channels, height and width, or those of its grid."""
        if self.grid:
            return geometry.channels, *self.cells(geometry)
        return geometry.channels, geometry.height, geometry.width

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images are pixelated at once."""
        from dpkit.kernels.discrete_laplace import words_for  # noqa: PLC0415 (loads numba, not for --help)

        rows, columns = self.cells(geometry)
        words = 8 * words_for(geometry.channels * rows * columns)
        values = geometry.elements * geometry.pixel_dtype.itemsize
        return max(1, min(_TILE_IMAGES, _TILE_BYTES // max(words, values)))

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Pixelate a batch of any length.

        Parameters
        ----------
        out
            [n,c,h,w] of `values_dtype`, C-contiguous; where given, it receives the values.
        """
        values = self.room(len(batch), geometry, out)
        tile = self.tile_images(geometry)
        for start in range(0, len(batch), tile):
            span = slice(start, start + tile)
            sums = self.sums(batch.pixels[span], geometry)
            sums += self.noise(batch.ids[span], key, geometry)
            self._write(sums, geometry, values[span])
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def sums(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[np.int64]:
        """Return S, int64 [n,c,⌈h/b⌉,⌈w/b⌉], of pixels [n,h,w,c]."""
        from dpkit.kernels.pixelate import cell_sums  # noqa: PLC0415 (loads numba, not for --help)

        sums = np.empty((len(pixels), geometry.channels, *self.cells(geometry)), np.int64)
        cell_sums(pixels, self.cell, sums)
        return sums

    def noise(self, ids: NDArray[np.bytes_], key: Key, geometry: Geometry) -> NDArray[np.int64]:
        """Return Z, int64 [n,c,⌈h/b⌉,⌈w/b⌉]; it follows from key, parameters and ids alone."""
        shape = [geometry.channels, geometry.height, geometry.width, geometry.depth]
        # 2 and 2.0 are one ε, whichever a sealed plan gives back.
        exact = str(self.exact_epsilon)
        public = {**parameters(self), "epsilon": exact, "geometry": shape}
        text = json.dumps(public, sort_keys=True, separators=(",", ":")).encode()
        streams = [Stream(derive(key.seed, "pixelate", text, bytes(name))) for name in ids]
        out = np.empty((len(ids), geometry.channels, *self.cells(geometry)), np.int64)
        draw_laplace(streams, self.scale(geometry), out.reshape(len(ids), -1))
        return out

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return the pixels as they are [n,c,h,w], or the grid of their means without noise."""
        if not self.grid:
            return ImageSanitizer.plain(self, pixels, geometry)
        values = np.empty((len(pixels), *self.values_shape(geometry)), geometry.pixel_dtype)
        self._write(self.sums(pixels, geometry), geometry, values)
        return values

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: every network that learns from small, noisy images."""
        rows, columns = self.cells(geometry)
        shown = "one value a cell" if self.grid else f"cells of {self.cell}x{self.cell} pixels"
        why = f"places are kept: {rows}x{columns} noisy means, {shown}"
        return {
            "convolutions_learn": True,
            "why": why,
            "first_layer": None,
            "breaking_transforms": [],
        }

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        return sentences(self, geometry)

    def _write(self, sums: NDArray[np.int64], geometry: Geometry, out: NDArray[Any]) -> None:
        from dpkit.kernels.pixelate import grey_levels, repeat_cells  # noqa: PLC0415 (loads numba, not for --help)

        areas = self.areas(geometry)
        if self.grid:
            grey_levels(sums, areas, geometry.peak, out)
            return
        grid = np.empty(sums.shape, geometry.pixel_dtype)
        grey_levels(sums, areas, geometry.peak, grid)
        repeat_cells(grid, self.cell, out)
