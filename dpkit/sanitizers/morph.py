"""MoLe data morphing: every image becomes T = D M under one secret matrix M.

Shen et al., *Towards Efficient and Secure Delivery of Data for Deep Learning with
Privacy-Preserving*, arXiv 1909.07632, sections 4.1 and 4.2.

    symbol   here             meaning                                            paper
    α        channels         channels of an image                               4.1
    D^r      kernels.blocks   the image unrolled channel by channel, row by row  4.1
    κ        kappa            blocks of an unrolled image                        Eq. 3
    q        core_size        length of a block, αhw/κ                           Eq. 3
    M′       core             a random q x q matrix                              4.2
    M        (never built)    κ copies of M′ on the diagonal                     Eq. 4
    T        values           the morphed image, of D's shape                    Eq. 2

What differs from the paper is an option each: images need not be square, the law of M′ is named,
every block may have a core of its own, blocks may be square patches, so that a patch embedding
meets whole blocks; and, to hide more, the values of D^r may be scattered before they are cut
into blocks (`places`), and pixels dithered (`dither`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from dpkit.errors import DpkitError, UsageError
from dpkit.sanitizers import morph_words
from dpkit.sanitizers.base import ImageSanitizer, param
from dpkit.sanitizers.dither import draw_dither
from dpkit.sanitizers.forms import cores32, fitting, inverses, routes_of
from dpkit.sanitizers.morph_key import draw_key, public_text
from dpkit.sanitizers.normalization import parse
from dpkit.sanitizers.sizes import (
    check_kappa,
    check_memory,
    check_patches,
    core_bytes,
    product_images,
)
from dpkit.types import SanitizedBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.sanitizers.base import Presets
    from dpkit.types import Geometry, ImageBatch, Json, Key, Secret
    from dpkit.types.supply import Supply

CONDITION: Final = 10.0  # keeps float32 exact
MAX_CONDITION: Final = 1000.0
_PAPER: Final[dict[str, Json]] = {
    "core": "gaussian", "cores": "shared", "blocks": "raster", "interleave": False, "dither": False,
}  # fmt: skip
_HARDENED: Final[dict[str, Json]] = {
    "core": "bounded", "cores": "distinct", "blocks": "raster", "interleave": True, "dither": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Morph(ImageSanitizer):
    """MoLe data morphing with its public parameters.

    Raises
    ------
    UsageError
        A parameter is outside its choices.

    Examples
    --------
    >>> from dpkit.types import Geometry
    >>> Morph(kappa=16).core_size(Geometry(channels=3, height=128, width=128, depth=8))
    3072
    """

    name: ClassVar[str] = "morph"
    summary: ClassVar[str] = "Multiply every image by a secret matrix (MoLe data morphing)."
    paper: ClassVar[str] = "MoLe"
    example: ClassVar[str] = "dpkit morph samples/images --kappa 16 --out release"
    default_size: ClassVar[tuple[int, int]] = (128, 128)
    fresh_keys: ClassVar[bool] = False
    restorable: ClassVar[bool] = True
    presets: ClassVar[Presets] = {"paper": _PAPER, "hardened": _HARDENED}

    kappa: int = param(
        16, help="Blocks of an image; each is morphed by itself.", symbol="κ", within=(1, None)
    )
    core: str = param(
        "gaussian",
        help="Law of the core's elements; uniform is the authors' own.",
        symbol="M′",
        choices=("gaussian", "uniform", "orthogonal", "bounded"),
    )
    condition: float = param(
        CONDITION,
        help="Largest condition number of a bounded core; other laws have theirs.",
        within=(1, MAX_CONDITION),
    )
    cores: str = param(
        "shared",
        help="One core for all blocks (the paper), or one for each.",
        choices=("shared", "distinct"),
    )
    blocks: str = param(
        "raster",
        help="Runs of the unrolled image (the paper), or square patches of all channels.",
        choices=("raster", "patch"),
    )
    interleave: bool = param(
        False, help="Scatter an image's values secretly before they are cut into blocks."
    )
    dither: bool = param(False, help="Add up to half a grey level of noise before morphing.")
    normalize: str = param("none", help="none, imagenet, or mean,std such as 0.5,0.25.")
    dtype: str = param(
        "float32", help="Type of the released values.", choices=("float32", "float16")
    )

    def __post_init__(self) -> None:
        ImageSanitizer.__post_init__(self)
        parse(self.normalize)
        self._check_condition()
        if self.interleave and self._is_patch:
            raise UsageError(
                "interleaving scatters pixels over the whole image: square patches would hold "
                "no neighbours",
                remedy="leave --blocks raster, or give --no-interleave",
            )

    def core_size(self, geometry: Geometry) -> int:
        """Return q = αhw/κ (Eq. 3)."""
        return geometry.elements // self.kappa

    def check(self, geometry: Geometry) -> None:
        """Refuse a κ that does not divide, a core too large for memory, a foreign normalisation.

        Raises
        ------
        UsageError
            With the nearest κ that would work.
        """
        parse(self.normalize).check(geometry)
        check_kappa(self.kappa, geometry.elements)
        if self._is_patch:
            check_patches(self.kappa, geometry.height, geometry.width)
        check_memory(self.kappa, geometry.elements, is_distinct=self._is_distinct)

    def notices(self, geometry: Geometry) -> list[str]:
        """Return warnings about small blocks and coarse storage."""
        return morph_words.notices(self, geometry)

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the cores in float64, or of the scatter where that is larger."""
        cores = core_bytes(self.kappa, geometry.elements, is_distinct=self._is_distinct)
        return max(cores, 8 * geometry.elements) if self.interleave else cores

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:  # noqa: ARG002 (the protocol's signature)
        """Draw the core: `core` float64 [q,q] ([κ,q,q] where distinct), `condition`, `draws`.

        `condition` float64 and `draws` int64 have one entry a core: its condition number, and
        how many draws it took. Gaussian and uniform cores are the same bits on every machine;
        the others go through LAPACK, whose last bits differ between processors. Where values are
        interleaved, `places` int64 [αhw] says where in D^r each block takes its values.
        """
        self.check(geometry)
        return draw_key(self, geometry, seed)

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:  # noqa: ARG002 (the protocol's signature)
        """Return float32 or float16."""
        return np.dtype(self.dtype)

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images fill one matrix product well, from geometry alone."""
        return product_images(self.kappa, geometry.elements, is_distinct=self._is_distinct)

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Morph a batch of any length: T = D M, block by block.

        Parameters
        ----------
        out
            [n,c,h,w] of `values_dtype`, C-contiguous; where given, it receives the values.

        Raises
        ------
        DpkitError
            The pixels are not of this geometry, or a value exceeds float16.
        UnlockError
            The key was made for other parameters.
        """
        from dpkit.kernels.blocks import morph  # noqa: PLC0415 (loads numba, not for --help)

        self._require_pixels(batch.pixels, geometry)
        values, tile = self.room(len(batch), geometry, out), self.tile_images(geometry)
        affine, routes = self._affine(geometry).astype(np.float32), routes_of(self, key, geometry)
        rows, cores = values.reshape(-1, geometry.elements), fitting(self, cores32(key), geometry)
        for start in range(0, len(batch), tile):  # so that no more noise is drawn at once
            here = slice(start, start + tile)
            morph(
                batch.pixels[here], affine, cores, tile=tile, out=rows[here], routes=routes,
                noise=self._noise(batch, here, key, geometry),
            )  # fmt: skip
        if values.dtype == np.float16 and not np.isfinite(values).all():
            raise DpkitError(
                "a morphed value exceeds float16's range (65504)",
                remedy="use --dtype float32, or --core orthogonal",
            )
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return D, normalised but not morphed, in the released type and layout [n,c,h,w]."""
        from dpkit.kernels.blocks import unroll  # noqa: PLC0415 (loads numba, not for --help)

        rows = np.empty((len(pixels), geometry.channels, geometry.height * geometry.width), "f4")
        flat = np.ascontiguousarray(pixels).reshape(len(pixels), geometry.elements)
        unroll(flat, self._affine(geometry).astype(np.float32), rows)
        shaped = rows.reshape(-1, geometry.channels, geometry.height, geometry.width)
        return shaped.astype(self.values_dtype(geometry), copy=False)

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:
        """Return the pixels u8 or u16 [n,h,w,c] of released values [n,c,h,w].

        Exact for orthogonal and bounded cores with float32 values and 8-bit pixels; else rounded
        to the nearest grey level after an inverse in float64.

        Raises
        ------
        UnlockError
            The key was made for other parameters.
        """
        from dpkit.kernels.blocks import unmorph  # noqa: PLC0415 (loads numba, not for --help)

        shape = (len(values), geometry.height, geometry.width, geometry.channels)
        pixels = np.empty(shape, geometry.pixel_dtype)
        unmorph(
            values.reshape(len(values), geometry.elements),
            self._affine(geometry),
            fitting(self, inverses(key, is_orthogonal=self.core == "orthogonal"), geometry),
            tile=self.tile_images(geometry),
            out=pixels,
            routes=routes_of(self, key, geometry),
        )
        return pixels

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: a layer that maps each block by itself, not a convolution."""
        return morph_words.training(self, geometry)

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        return morph_words.describe(self, geometry)

    @property
    def core_count(self) -> int:
        """Return how many different cores there are: 1, or κ."""
        return self.kappa if self._is_distinct else 1

    @property
    def _is_distinct(self) -> bool:
        return self.cores == "distinct"

    @property
    def _is_patch(self) -> bool:
        return self.blocks == "patch"

    def _check_condition(self) -> None:
        object.__setattr__(self, "condition", float(self.condition))  # JSON may say 10
        if self.core != "bounded" and self.condition != CONDITION:
            raise UsageError(
                f"condition {self.condition:g} is for bounded cores, not for {self.core} ones",
                remedy="give --core bounded, or leave --condition out",
            )

    def _public(self, geometry: Geometry) -> bytes:
        return public_text(self, geometry)

    def _noise(
        self, batch: ImageBatch, rows: slice, key: Key, geometry: Geometry
    ) -> NDArray[np.float32] | None:
        """Return the dither of some rows in grey levels, float32 [rows,αhw]; None without."""
        if not self.dither:
            return None
        ids, pixels = batch.ids[rows], batch.pixels[rows]
        return draw_dither(key.seed, self._public(geometry), (ids, pixels))

    def _affine(self, geometry: Geometry) -> NDArray[np.float64]:
        return parse(self.normalize).affine(geometry)

    def _require_pixels(self, pixels: NDArray[Any], geometry: Geometry) -> None:
        shape = (geometry.height, geometry.width, geometry.channels)
        if (pixels.shape[1:], pixels.dtype) != (shape, geometry.pixel_dtype):
            raise DpkitError(f"pixels {pixels.dtype} {pixels.shape[1:]} do not fit {geometry}")
