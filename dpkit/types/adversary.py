"""What an adversary is granted, and what an attack made of it; never an original.

symbol   here         meaning
T        values       released images
C^ac     augconv      the layer that the developer was handed (`types.layers`)
K        first_conv   the developer's own first layer
κ        kappa        blocks of an image
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.types.blocks import Blocks
    from dpkit.types.images import Geometry
    from dpkit.types.layers import AugConv, FirstConv


@dataclass(frozen=True, slots=True, eq=False)
class AdversaryView:
    """What one adversary holds: the release, its public parameters, and perhaps the two layers.

    Parameters
    ----------
    values
        float32 or float16 [n,c,h,w]: images of the release.
    geometry
        Their shape, and the depth of the originals.
    affine
        float64 [2,c]: scale and bias of the public normalisation, D = pixel · scale + bias.
    blocks, kappa, cores, core
        Public parameters of morphing: how an image is cut, into how many blocks, whether they
        share a core (`shared`, `distinct`), and the law of its elements.
    augconv, first_conv
        None where the adversary does not hold them.

    Raises
    ------
    UsageError
        The parts are not of one release.
    """

    values: NDArray[Any]
    geometry: Geometry
    affine: NDArray[np.float64]
    blocks: Blocks
    kappa: int
    cores: str
    core: str
    augconv: AugConv | None = None
    first_conv: FirstConv | None = None

    def __post_init__(self) -> None:
        shape = (self.geometry.channels, self.geometry.height, self.geometry.width)
        if self.values.ndim != 4 or self.values.shape[1:] != shape or not len(self.values):  # noqa: PLR2004 (n, c, h, w)
            raise UsageError(f"released values {self.values.shape} are no images of {shape}")
        if self.affine.shape != (2, shape[0]) or not (self.affine[0] != 0).all():
            raise UsageError(f"a normalisation {self.affine.shape} of {shape[0]} channels")
        if self.kappa < 1 or self.geometry.elements % self.kappa:
            raise UsageError(f"kappa {self.kappa} does not divide {self.geometry.elements}")
        layer, conv = self.augconv, self.first_conv
        if layer and (layer.input_shape, layer.kappa, layer.blocks) != (
            shape,
            self.kappa,
            self.blocks,
        ):
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
    """What one attack recovered, and what it cost.

    Parameters
    ----------
    name
        The attack's, as in the table ATTACKS.
    images
        float64 [n,h,w,c] in grey levels 0 to peak (c 1 where it sees no colour); None where it
        recovers no image.
    figures
        What the attack found without any original, by name.
    seconds
        CPU time of this process.
    sentence
        What that means, in plain words.
    """

    name: str
    images: NDArray[np.float64] | None
    figures: Mapping[str, float]
    seconds: float
    sentence: str
