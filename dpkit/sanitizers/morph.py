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

Four things differ from the paper, and each is an option: images need not be square, the law
of M′ is named, every block may have a core of its own, and blocks may be square patches, so that
a patch embedding meets whole blocks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dpkit.errors import DpkitError, UnlockError, UsageError
from dpkit.rng import derive
from dpkit.sanitizers import morph_words
from dpkit.sanitizers.base import param, parameters
from dpkit.sanitizers.forms import cores32, inverses
from dpkit.sanitizers.normalization import parse
from dpkit.sanitizers.sizes import (
    check_kappa,
    check_memory,
    check_patches,
    core_bytes,
    product_images,
)
from dpkit.types import Key, SanitizedBatch, block_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Company, Geometry, ImageBatch, Json, Part, Secret


@dataclass(frozen=True, slots=True)
class Morph:
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
    least_company: ClassVar[int] = 0
    donors: ClassVar[int] = 0

    kappa: int = param(16, help="Blocks of an image; each is morphed by itself.", symbol="κ")
    core: str = param(
        "gaussian",
        help="Law of the core's elements; uniform is the authors' own.",
        symbol="M′",
        choices=("gaussian", "uniform", "orthogonal"),
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
    normalize: str = param("none", help="none, imagenet, or mean,std such as 0.5,0.25.")
    dtype: str = param(
        "float32", help="Type of the released values.", choices=("float32", "float16")
    )

    def __post_init__(self) -> None:
        for field in fields(self):
            value, choices = getattr(self, field.name), field.metadata["choices"]
            if choices and value not in choices:
                raise UsageError(f"{field.name} {value!r} is not one of {', '.join(choices)}")
        if self.kappa < 1:
            raise UsageError(f"kappa {self.kappa} is below 1", remedy="give 1 or more blocks")
        parse(self.normalize)

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
        """Return the bytes of the cores in float64."""
        return core_bytes(self.kappa, geometry.elements, is_distinct=self._is_distinct)

    def fit(self, geometry: Geometry, seed: Secret) -> Key:
        """Draw the core: `core` float64 [q,q] ([κ,q,q] where distinct), `condition`, `draws`.

        `condition` float64 and `draws` int64 have one entry a core: its condition number, and
        how many draws it took. Gaussian and uniform cores are the same bits on every machine;
        an orthogonal one goes through LAPACK, whose last bits differ between processors.
        """
        # Here and in apply and restore: these modules load numba, which `dpkit --help` must not.
        from dpkit.sanitizers.cores import LAWS, draw_cores  # noqa: PLC0415 (see above)

        self.check(geometry)
        said = parameters(self)
        if not self._is_patch:
            del said["blocks"]  # keys were drawn before there were patches: they stay the same
        public = {"parameters": said, "geometry": asdict(geometry)}
        text = json.dumps(public, sort_keys=True, separators=(",", ":"))
        secret = derive(seed, "morph core", text.encode())
        q = self.core_size(geometry)
        drawn = draw_cores(LAWS[self.core], secret, (self.core_count, q))
        core = drawn.core if self._is_distinct else drawn.core[0]
        return Key(seed, {"core": core, "condition": drawn.condition, "draws": drawn.draws})

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
        from dpkit.kernels.blocks import morph  # noqa: PLC0415 (loads numba: see fit)

        values = self._values(batch.pixels, geometry, out)
        morph(
            batch.pixels,
            self._affine(geometry).astype(np.float32),
            self._checked(cores32(key), geometry),
            tile=self.tile_images(geometry),
            out=values.reshape(len(values), geometry.elements),
            places=self._places(geometry),
        )
        if values.dtype == np.float16 and not np.isfinite(values).all():
            raise DpkitError(
                "a morphed value exceeds float16's range (65504)",
                remedy="use --dtype float32, or --core orthogonal",
            )
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return D, normalised but not morphed, in the released type and layout [n,c,h,w]."""
        from dpkit.kernels.blocks import unroll  # noqa: PLC0415 (loads numba: see fit)

        rows = np.empty((len(pixels), geometry.channels, geometry.height * geometry.width), "f4")
        flat = np.ascontiguousarray(pixels).reshape(len(pixels), geometry.elements)
        unroll(flat, self._affine(geometry).astype(np.float32), rows)
        shaped = rows.reshape(-1, geometry.channels, geometry.height, geometry.width)
        return shaped.astype(self.values_dtype(geometry), copy=False)

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:
        """Return the pixels u8 or u16 [n,h,w,c] of released values [n,c,h,w].

        Exact for the orthogonal core with float32 values and 8-bit pixels; else rounded to the
        nearest grey level after an inverse in float64.

        Raises
        ------
        UnlockError
            The key was made for other parameters.
        """
        from dpkit.kernels.blocks import unmorph  # noqa: PLC0415 (loads numba: see fit)

        shape = (len(values), geometry.height, geometry.width, geometry.channels)
        pixels = np.empty(shape, geometry.pixel_dtype)
        unmorph(
            values.reshape(len(values), geometry.elements),
            self._affine(geometry),
            self._checked(inverses(key, is_orthogonal=self.core == "orthogonal"), geometry),
            tile=self.tile_images(geometry),
            out=pixels,
            places=self._places(geometry),
        )
        return pixels

    def lonely(self, company: Company) -> NDArray[np.int64]:  # noqa: ARG002 (the protocol's signature)
        """Return nobody: each image is morphed by itself."""
        return np.empty(0, np.int64)

    def leaves_plain(self, part: Part) -> bool:  # noqa: ARG002 (the protocol's signature)
        """Say no: every part is morphed."""
        return False

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

    def _places(self, geometry: Geometry) -> NDArray[np.int64] | None:
        """Return where each block's values stand, int64 [αhw]; None where blocks are runs."""
        if not self._is_patch:
            return None
        shape = (geometry.channels, geometry.height, geometry.width)
        return block_places("patch", self.kappa, shape).reshape(-1)

    def _affine(self, geometry: Geometry) -> NDArray[np.float64]:
        return parse(self.normalize).affine(geometry)

    def _values(
        self, pixels: NDArray[Any], geometry: Geometry, out: NDArray[Any] | None
    ) -> NDArray[Any]:
        """Return the array that receives the values, once the pixels and `out` are checked."""
        size = (geometry.height, geometry.width)
        if (pixels.shape[1:], pixels.dtype) != ((*size, geometry.channels), geometry.pixel_dtype):
            raise DpkitError(f"pixels {pixels.dtype} {pixels.shape[1:]} do not fit {geometry}")
        shape = (len(pixels), geometry.channels, *size)
        if out is None:
            return np.empty(shape, self.values_dtype(geometry))
        if (out.shape, out.dtype) != (
            shape,
            self.values_dtype(geometry),
        ) or not out.flags.c_contiguous:
            raise DpkitError(f"out is not a C-contiguous {self.dtype} array of shape {shape}")
        return out

    def _checked(self, cores: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        q = self.core_size(geometry)
        if cores.shape != (self.core_count, q, q):
            raise UnlockError(
                f"the key holds cores of shape {cores.shape}, not {(self.core_count, q, q)}",
                remedy="use the key that this release was made with",
            )
        return cores
