"""Label-based pixel block mixing: blocks of an image give way to blocks of others of its label.

"A Lightweight Privacy-Preserving Scheme Using Label-based Pixel Block Mixing for Image
Classification in Deep Learning" (Algorithm 1, sections IV and V).

    symbol      here           meaning                                              paper
    L_b         Lb             height of a block, along the rows of the image       IV.B
    W_b         Wb             width of a block                                     IV.B
    N_b         blocks         blocks of an image, ⌈h/L_b⌉ ⌈w/W_b⌉                  Eq. 6
    N_s         Ns             donors of an image: others of the same label         Algorithm 1
    N_t         Nt             rounds; donors are originals in every round          Algorithm 1
    S01         choice         whether a block is replaced, here with p_replace     Algorithm 1

What is decided here where the paper is silent, or its published script does otherwise:

    donors      N_s distinct rows, drawn once an image, never the image itself nor one of its group
    edges       the last row and column of blocks are smaller where blocks do not divide
    nothing     an image of which no block would be replaced is drawn again, so a block stays in
                place with probability q(1 - q^(N_b-1)) / (1 - q^N_b), q = (1 - p_replace)^N_t
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from dpkit.errors import DpkitError, UsageError
from dpkit.rng import Stream, derive, next_words
from dpkit.sanitizers.base import ImageSanitizer, param, parameters
from dpkit.types import SanitizedBatch
from dpkit.types.images import MAX_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Company, Geometry, ImageBatch, Json, Key, Part

LEAST_BLOCKS: Final = 4  # the paper's smallest N_b; with 1, a release would be the originals
LEAST_P: Final = 0.01  # below, an image is drawn a hundred times until one block changes
COUNTS: Final = (1, MAX_SIDE)  # of pixels, donors, rounds and images alike
_TILE_BYTES: Final = 2**22  # 4 MiB of values at once
_TILE_IMAGES: Final = 4096  # of whatever size: each has words of its own


@dataclass(frozen=True, slots=True)
class Mix(ImageSanitizer):
    """Label-based pixel block mixing with its public parameters.

    Raises
    ------
    UsageError
        A parameter is outside its range.

    Examples
    --------
    >>> from dpkit.types import Geometry
    >>> Mix(Lb=24, Wb=24).blocks(Geometry(channels=3, height=192, width=192, depth=8))
    64
    """

    name: ClassVar[str] = "mix"
    summary: ClassVar[str] = "Replace blocks by those of other images of the same label."
    paper: ClassVar[str] = "Label-based pixel block mixing"
    example: ClassVar[str] = "dpkit mix samples/images --Lb 24 --Wb 24 --Ns 5 --out release"
    default_size: ClassVar[tuple[int, int]] = (192, 192)
    fresh_keys: ClassVar[bool] = True
    restorable: ClassVar[bool] = False
    unrestorable: ClassVar[str] = (
        "mixed images cannot be restored: the key tells whose block stands where, and holds none "
        "of those that gave way"
    )
    originals: ClassVar[str] = "keep the originals; `dpkit trace` and `dpkit lookup` find them"

    Lb: int = param(24, help="Height of a block in pixels.", symbol="L_b", within=COUNTS)
    Wb: int = param(24, help="Width of a block in pixels.", symbol="W_b", within=COUNTS)
    Ns: int = param(
        10, help="Donors of an image: others of its label.", symbol="N_s", within=COUNTS
    )
    Nt: int = param(1, help="Rounds of replacement.", symbol="N_t", within=COUNTS)
    p_replace: float = param(
        0.5, help="Probability that a round replaces a block.", symbol="p", within=(LEAST_P, 1)
    )
    min_pool: int = param(
        200, help="Images of a label that stand together in a shard, at least.", within=COUNTS
    )
    mix_parts: str = param(
        "all",
        help="Parts that are mixed; train publishes the others as they are.",
        choices=("all", "train"),
    )

    @property
    def least_company(self) -> int:
        """Rows of a label that stand in one shard, where the label has so many."""
        return max(self.min_pool, self.Ns + 1)

    @property
    def donors(self) -> int:
        """Return N_s."""
        return self.Ns

    def blocks(self, geometry: Geometry) -> int:
        """Return N_b, the smaller ones at the edges counted like the others."""
        return -(-geometry.height // self.Lb) * -(-geometry.width // self.Wb)

    def kept_share(self, geometry: Geometry) -> float:
        """Return the expected share of an image's blocks that stay the original in place."""
        q, blocks = (1 - self.p_replace) ** self.Nt, self.blocks(geometry)
        return q * (1 - q ** (blocks - 1)) / (1 - q**blocks)

    def check(self, geometry: Geometry) -> None:
        """Refuse blocks so large that an image is few of them.

        Raises
        ------
        UsageError
            With the largest square block that works.
        """
        if self.blocks(geometry) < LEAST_BLOCKS:
            half = f"{-(-geometry.height // 2)} --Wb {-(-geometry.width // 2)}"
            raise UsageError(
                f"blocks of {self.Lb}x{self.Wb} cut an image of {geometry.height}x{geometry.width} "
                f"into {self.blocks(geometry)}, below {LEAST_BLOCKS}: whole originals of others "
                "would be published",
                remedy=f"give --Lb {half} or less",
            )

    def notices(self, geometry: Geometry) -> list[str]:
        """Return what stays in place, and which parts stay plain."""
        share, blocks = self.kept_share(geometry), self.blocks(geometry)
        text = (
            f"{share:.1%} of each image's {blocks} blocks are expected to stay the original, in "
            "place; every other block is a piece of somebody else's original"
        )
        found = [text]
        if self.mix_parts == "train":
            found.append("only the training part is mixed: the others are published as they are")
        return found

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images are mixed at once."""
        by_size = _TILE_BYTES // (geometry.elements * geometry.pixel_dtype.itemsize)
        return max(1, min(_TILE_IMAGES, by_size))

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Mix a batch of any length with the originals of its company.

        Parameters
        ----------
        out
            [n,c,h,w] of `values_dtype`, C-contiguous; where given, it receives the values.

        Raises
        ------
        DpkitError
            The batch has no company, or an image finds fewer than N_s donors in it.
        """
        from dpkit.kernels.mix import mix_blocks  # noqa: PLC0415 (loads numba, not for --help)

        company, places = batch.company, batch.places
        if company is None or places is None:
            raise DpkitError("images are mixed with others: the batch has no company")
        values = self.room(len(places), geometry, out)
        if self.leaves_plain(company.part):
            values[...] = company.planes[places]
        else:
            sources = self.sources(company, places, key, geometry)
            mix_blocks(company.planes, places, sources, self.Lb, self.Wb, values)
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def sources(
        self, company: Company, places: NDArray[np.int64], key: Key, geometry: Geometry
    ) -> NDArray[np.int64]:
        """Return whose block stands where, int64 [n,N_b]: a place in the company, -1 the own.

        It follows from the key, the rows' numbers and who is in the company; no pixel is looked at.

        Raises
        ------
        DpkitError
            An image finds fewer than N_s donors.
        """
        from dpkit.kernels.donors import choose_sources  # noqa: PLC0415 (loads numba, not for --help)

        text = json.dumps(parameters(self), sort_keys=True, separators=(",", ":"))
        secret = derive(key.seed, "mix", text.encode())
        streams = [Stream(secret, int(number)) for number in company.numbers[places]]
        donors = self._donors(company, places, streams)
        threshold = np.uint64(round(self.p_replace * 2**32))
        found = np.full((len(places), self.blocks(geometry)), -1, np.int64)
        left = np.arange(len(places))
        while len(left):  # all at first, then those of which no block was replaced
            shape = (self.Nt, found.shape[1])
            words = next_words([streams[i] for i in left], shape[0] * shape[1])
            drawn = np.empty((len(left), found.shape[1]), np.int64)
            choose_sources(words.reshape(len(left), *shape), donors[left], threshold, drawn)
            found[left] = drawn
            left = left[(drawn == -1).all(axis=1)]
        return found

    def lonely(self, company: Company) -> NDArray[np.int64]:
        """Return the places of images that find fewer than N_s donors, int64.

        A donor is of the same label and of another group; the images that are returned are not
        to be published, nor to be anybody's donors.
        """
        if self.leaves_plain(company.part):
            return np.empty(0, np.int64)
        stays = np.ones(len(company), np.bool_)
        while True:
            donors = _others(company.strata, company.groups, stays)
            leaving = stays & (donors < self.Ns)
            if not leaving.any():
                return np.flatnonzero(~stays)
            stays &= ~leaving

    def leaves_plain(self, part: Part) -> bool:
        """Say whether a part is published as it is."""
        return self.mix_parts == "train" and part != "train"

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: every network that learns from the originals."""
        return {
            "convolutions_learn": True,
            "why": (
                f"pixels keep their place and their label; {self.blocks(geometry)} blocks of "
                f"{self.Lb}x{self.Wb} pixels come from several images, with seams between them"
            ),
            "first_layer": None,
            "breaking_transforms": [],
        }

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        parts = "the training part" if self.mix_parts == "train" else "every part"
        rounds = "once" if self.Nt == 1 else f"in each of {self.Nt} rounds"
        cut = f"An image is cut into {self.blocks(geometry)} blocks of {self.Lb}x{self.Wb} pixels"
        return [
            f"{cut}, smaller at the last row and column where they do not divide it.",
            f"{self.Ns} donors are drawn for it: other originals of its label, part and shard.",
            "A donor is never of the image's own group; rows stand in shards in a secret order.",
            f"Each block is replaced, {rounds}, with probability {self.p_replace:g}.",
            "What replaces it is the block at the same place of one of the donors.",
            "An image of which no block would be replaced is drawn again.",
            f"This is done to {parts}; pixels are released as they are, without rounding.",
        ]

    def _donors(
        self, company: Company, places: NDArray[np.int64], streams: list[Stream]
    ) -> NDArray[np.int64]:
        from dpkit.kernels.donors import draw_donors  # noqa: PLC0415 (loads numba, not for --help)

        donors = np.empty((len(places), self.Ns), np.int64)
        words = next_words(streams, self.Ns)
        labels = company.strata[places]
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            pool = np.flatnonzero(company.strata == label)
            drawn = np.empty((len(rows), self.Ns), np.int64)
            draw_donors(words[rows], pool, company.groups, places[rows], drawn)
            donors[rows] = drawn
        if (donors < 0).any():
            raise DpkitError(f"an image finds fewer than {self.Ns} donors: nothing is published")
        return donors


def _others(
    strata: NDArray[np.int64], groups: NDArray[np.int64], stays: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Count, row by row, those who stay, of the same label and of another group."""
    pairs = np.stack([strata, groups], axis=1)
    of_label = np.unique(strata, return_inverse=True)[1].reshape(-1)
    of_pair = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    in_label = np.bincount(of_label, stays)[of_label]
    in_pair = np.bincount(of_pair, stays)[of_pair]
    found: NDArray[np.int64] = (in_label - in_pair).astype(np.int64)
    return found
