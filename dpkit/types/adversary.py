"""What an adversary is granted, and what an attack made of it; never a key.

symbol   here         meaning
T        values       released images
C^ac     augconv      the layer that the developer was handed (`types.layers`)
K        first_conv   the developer's own first layer
κ        kappa        blocks of an image
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.types.blocks import Blocks
    from dpkit.types.images import Geometry, Json
    from dpkit.types.layers import AugConv, FirstConv


@dataclass(frozen=True, slots=True, eq=False)
class PublicImages:
    """Pictures that the adversary has of its own; none of them is in the release.

    Parameters
    ----------
    pixels
        u8 or u16 [p,h,w,c], of the release's geometry.
    kind
        `same` where they are of the release's own distribution, `other` for any photographs.
    labels
        int64 [p] in the release's class numbers; None where the adversary has no labels.
    values
        What the sanitizer makes of them [p,…], where everybody can apply it (it has no secret, or
        the encoder can be asked); else None.
    """

    pixels: NDArray[Any] = field(repr=False)
    kind: Literal["same", "other"]
    labels: NDArray[np.int64] | None = None
    values: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class KnownPairs:
    """Images of the release that the adversary knows: `pixels` [k,h,w,c], `values` [k,c,h,w]."""

    pixels: NDArray[Any] = field(repr=False)
    values: NDArray[Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class AdversaryView:
    """What one adversary holds: the release, its public parameters, and perhaps more.

    Parameters
    ----------
    values
        [n,c,h,w] in their released type: images of the release, in its order.
    geometry
        Shape and depth of the originals.
    sanitizer, parameters
        Its name and public parameters, as the manifest has them.
    affine
        float64 [2,c]: scale and bias of the public normalisation, D = pixel · scale + bias.
    wanted
        The first `wanted` rows are to be recovered; the others only help. None wants all.
    labels
        int64 [n], the released labels; None where there is not one a row.
    augconv, first_conv
        None where the adversary does not hold them.
    public
        Its own pictures.
    known
        Its known pairs; none of them is among the wanted rows.
    gallery
        u8 or u16 [g,h,w,c], in no order: the originals of the wanted rows among others.
    versions
        [wanted,c,h,w] each: other releases of the wanted rows, row by row.
    encoder
        A torch module or function from float32 [·,c,h,w] in 0 to 1 to released values, where the
        sanitizer's network is known.

    Raises
    ------
    UsageError
        The parts are not of one release.
    """

    values: NDArray[Any]
    geometry: Geometry
    sanitizer: str
    parameters: Mapping[str, Json]
    affine: NDArray[np.float64]
    wanted: int | None = None
    labels: NDArray[np.int64] | None = None
    augconv: AugConv | None = None
    first_conv: FirstConv | None = None
    public: PublicImages | None = None
    known: KnownPairs | None = None
    gallery: NDArray[Any] | None = None
    versions: tuple[NDArray[Any], ...] = ()
    encoder: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or not len(self.values):  # noqa: PLR2004 (n, c, h, w)
            raise UsageError(f"released values {self.values.shape} are no images")
        channels = self.geometry.channels
        if self.affine.shape != (2, channels) or not (self.affine[0] != 0).all():
            raise UsageError(f"a normalisation {self.affine.shape} of {channels} channels")
        if self.wanted is not None and not 1 <= self.wanted <= len(self.values):
            raise UsageError(f"{self.wanted} wanted rows of {len(self.values)}")
        if self.is_morphed:
            self._check_morphed()

    @property
    def targets(self) -> NDArray[Any]:
        """The released values that are to be turned back, [wanted,c,h,w]."""
        return self.values[: self.wanted]

    @property
    def is_morphed(self) -> bool:
        """Whether the images were morphed."""
        return self.sanitizer == "morph"

    @property
    def kappa(self) -> int:
        """κ, blocks of a morphed image."""
        return cast("int", self._of_morph("kappa"))

    @property
    def core_size(self) -> int:
        """q, values of a block."""
        return self.geometry.elements // self.kappa

    @property
    def blocks(self) -> Blocks:
        """How a morphed image is cut: `raster` or `patch`."""
        return cast("Blocks", self._of_morph("blocks"))

    @property
    def cores(self) -> str:
        """Whether blocks share a core: `shared` or `distinct`."""
        return cast("str", self._of_morph("cores"))

    @property
    def core(self) -> str:
        """The law of a core's elements."""
        return cast("str", self._of_morph("core"))

    @property
    def is_interleaved(self) -> bool:
        """Whether the pixels of a morphed image were scattered before it was cut."""
        return bool(self.parameters.get("interleave", False))

    def _of_morph(self, name: str) -> Json:
        if not self.is_morphed:
            raise UsageError(f"a release of {self.sanitizer} has no {name}")
        return self.parameters[name]

    def _check_morphed(self) -> None:
        shape = (self.geometry.channels, self.geometry.height, self.geometry.width)
        if self.values.shape[1:] != shape:
            raise UsageError(f"released values {self.values.shape} are no images of {shape}")
        if self.kappa < 1 or self.geometry.elements % self.kappa:
            raise UsageError(f"kappa {self.kappa} does not divide {self.geometry.elements}")
        layer, conv = self.augconv, self.first_conv
        held = (shape, self.kappa, self.blocks)
        if layer and (layer.input_shape, layer.kappa, layer.blocks) != held:
            raise UsageError(
                f"Aug-Conv is for {layer.input_shape}, {layer.kappa} blocks ({layer.blocks}); the "
                f"release has {shape}, {self.kappa} ({self.blocks})"
            )
        if conv and (
            conv.input_shape != shape or (layer and conv.output_shape != layer.output_shape)
        ):
            raise UsageError(
                f"the first layer maps {conv.input_shape} to {conv.output_shape}, not "
                f"{shape} to {layer.output_shape if layer else '…'}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """What one attack recovered of the wanted rows, and what it cost.

    Parameters
    ----------
    name
        The attack's, as in the table ATTACKS.
    images
        float [wanted,h,w,c] in grey levels 0 to peak (c 1 where it sees no colour); None where
        it recovers no image.
    figures
        What the attack found without any original, by name.
    seconds
        CPU time of this process.
    sentence
        What that means, in plain words.
    candidates
        float [wanted,k,h,w]: several grey pictures of each row, on no scale. Which is best can
        only be chosen with the original, so their score is an upper bound.
    links
        float [wanted,g]: the higher, the more a row seems to be made from that gallery image.
    finding
        What it gives away that is no picture, in a few words; empty where nothing.
    """

    name: str
    images: NDArray[Any] | None
    figures: Mapping[str, float]
    seconds: float
    sentence: str
    candidates: NDArray[Any] | None = None
    links: NDArray[Any] | None = None
    finding: str = ""
