"""Sample-and-hold: every window of samples becomes the one of them that is nearest to their mean.

Chun, Hong, Huh and Kang, "Controlling the privacy loss with the input feature maps of the layers
in convolutional neural networks" (2018).

    symbol   here       meaning                                                         paper
    n        window     samples of a window                                             Algorithm 1
    IFM      map_shape  input feature map of a layer: what the layer is given           section 3
    γ        degree     the original class keeps at most 2^-γ of its probability        Eq. 6

What is decided here where the paper is silent: of two samples that are equally near the lower is
held, and a short last window is a window (`kernels.hold`); which windows are tried for a degree,
and on which images (`degree`). Where no layer is named the image itself is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from dpkit.errors import DpkitError, UsageError
from dpkit.sanitizers import hold_words
from dpkit.sanitizers.base import ImageSanitizer, param, unit_planes
from dpkit.sanitizers.hold_rules import MOST_WINDOW, require_sound
from dpkit.sanitizers.normalization import parse
from dpkit.types import Key, SanitizedBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.sanitizers.asked import Asked
    from dpkit.types import Geometry, ImageBatch, Json, Secret
    from dpkit.types.supply import Need, Supply

_TILE_BYTES: Final = 2**22  # 4 MiB of values at once
_TILE_IMAGES: Final = 4096
_TILE_MAPS: Final = 64  # images go through a network one at a time


@dataclass(frozen=True, slots=True)
class Hold(ImageSanitizer):
    """Sample-and-hold with its public parameters, which are all there is: it holds no secret.

    Raises
    ------
    UsageError
        A parameter is outside its range, or says something of a network that no other asks for.

    Examples
    --------
    >>> Hold(window=4).needs
    frozenset()
    >>> sorted(Hold(layer="features.3", degree=1.0).needs)
    ['images', 'network']
    """

    name: ClassVar[str] = "hold"
    summary: ClassVar[str] = "Hold one sample of every window, of images or of feature maps."
    paper: ClassVar[str] = "Controlling the privacy loss with the input feature maps"
    example: ClassVar[str] = "dpkit hold samples/images --window 8 --out release"
    default_size: ClassVar[tuple[int, int]] = (224, 224)
    fresh_keys: ClassVar[bool] = False
    restorable: ClassVar[bool] = False
    unrestorable: ClassVar[str] = (
        "held images cannot be restored: of each window one sample is left"
    )
    is_keyed: ClassVar[bool] = False
    may_need: ClassVar[frozenset[Need]] = frozenset({"network", "images"})

    window: int = param(
        8,
        help="Samples of a window; found where a degree is given.",
        symbol="n",
        within=(1, MOST_WINDOW),
    )
    degree: float = param(
        0.0, help="How far the class's probability is to fall, to 2^-γ; 0 is not asked.", symbol="γ"
    )
    degree_by: str = param(
        "release",
        help="One window for the release, or one for each image.",
        choices=("release", "image"),
    )
    network: str = param("", help="Which network; as its weights' file says where empty.")
    layer: str = param("", help="The layer whose input is released; the image where empty.")
    normalize: str = param(
        "",
        help="none, imagenet, or mean,std of the network's pixels; as its file says where empty.",
    )
    dtype: str = param(
        "float32", help="Type of released feature maps.", choices=("float32", "float16")
    )
    model_sha256: str = param("", help="SHA-256 of the weights' file.", is_found=True)
    map_shape: tuple[int, ...] = param(
        (), help="Channels, height and width of a feature map.", is_found=True
    )
    largest_weight: int = param(
        0, help="Bytes of the network's largest array.", within=(0, None), is_found=True
    )
    tried: tuple[tuple[float, ...], ...] = param(
        (),
        help="Of each window that was tried: its samples, the share of images that reached the "
        "degree, and the median of what was left of the probability; nothing of few images.",
        is_found=True,
    )

    def __post_init__(self) -> None:
        ImageSanitizer.__post_init__(self)
        require_sound(self)
        object.__setattr__(self, "degree", float(self.degree))  # JSON may say 1
        object.__setattr__(self, "map_shape", tuple(self.map_shape))
        object.__setattr__(self, "tried", tuple(tuple(row) for row in self.tried))

    @property
    def needs(self) -> frozenset[Need]:
        """A network where a layer is named; images too where a degree is to be reached."""
        if self.degree:
            return frozenset({"network", "images"})
        return frozenset({"network"} if self.layer else ())

    @property
    def is_by_image(self) -> bool:
        """Whether each image has a window of its own."""
        return self.degree > 0 and self.degree_by == "image"

    def check(self, geometry: Geometry) -> None:
        """Refuse a window of one sample, and a foreign normalisation.

        Raises
        ------
        UsageError
            The values would be released as they are.
        """
        if self.normalize:
            parse(self.normalize).check(geometry)
        if self.window == 1 and not self.degree:
            raise UsageError(
                "a window of 1 sample holds every sample as it is: nothing would be sanitized",
                remedy="give --window 2 or more",
            )

    def notices(self, geometry: Geometry) -> list[str]:
        """Say that there is no secret, and what a window leaves; what is found `completed` says."""
        return hold_words.notices(self, geometry)

    def key_bytes(self, geometry: Geometry) -> int:  # noqa: ARG002 (the protocol's signature)
        """Return the bytes of the network's largest array, once it is known; 0 without."""
        return self.largest_weight

    def completed(self, geometry: Geometry, supply: Supply) -> Hold:
        """Return the sanitizer with what its network says of itself, and the window it needs.

        The supply's voice says what was found.

        Raises
        ------
        UsageError
            The network does not fit the images, has no such layer, or reaches no such degree.
        """
        if not self.needs:
            return self
        from dpkit.sanitizers.hold_found import found  # noqa: PLC0415 (loads torch, not for --help)

        return found(self, geometry, supply)

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:
        """Make the key: the network's weights, where one is needed, and no secret of its own."""
        self.check(geometry)
        if not self.needs:
            return Key(seed, {})
        from dpkit.sanitizers.asked import weights_in_key  # noqa: PLC0415 (loads torch, not for --help)

        if supply is None or supply.weights is None:
            raise UsageError("no network is named", remedy="name its weights with --model FILE")
        return Key(seed, weights_in_key(supply.weights))

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return channels, height and width of a feature map, or of the image."""
        if not self.map_shape:
            return ImageSanitizer.values_shape(self, geometry)
        channels, height, width = self.map_shape
        return channels, height, width

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:
        """Return the type of the pixels, or float32 or float16 of feature maps."""
        return np.dtype(self.dtype) if self.layer else geometry.pixel_dtype

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images are held at once."""
        if self.needs:
            return _TILE_MAPS
        by_size = _TILE_BYTES // (geometry.elements * geometry.pixel_dtype.itemsize)
        return max(1, min(_TILE_IMAGES, by_size))

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Hold a batch of any length, each image by itself.

        Parameters
        ----------
        out
            [n,c,h,w] of `values_dtype`, C-contiguous; where given, it receives the values.

        Raises
        ------
        DpkitError
            A value of a feature map is beyond its type.
        UnlockError
            The key holds no network, and one is needed.
        """
        from dpkit.kernels.hold import hold  # noqa: PLC0415 (loads numba, not for --help)

        values = self.room(len(batch), geometry, out)
        if not self.needs:
            hold(self.plain(batch.pixels, geometry), self.window, values)
        elif len(batch):
            plain = self.unheld(batch.pixels, key, geometry)
            windows = self._windows(batch.pixels, plain, key, geometry)
            for row, window in enumerate(windows):
                hold(plain[row : row + 1], window, values[row : row + 1])
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def unheld(self, pixels: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:
        """Return what is held, before it is: feature maps, or images, in the released type.

        Raises
        ------
        DpkitError
            A value of a feature map is beyond its type.
        """
        if not self.layer:
            return self.plain(pixels, geometry)
        from dpkit.training.encoding import finite  # noqa: PLC0415 (loads torch, not for --help)

        maps = self._asked(key, geometry).plain(pixels)
        if maps.shape[1:] != self.map_shape:
            raise DpkitError(f"the layer is given {maps.shape[1:]}, and not {self.map_shape}")
        return finite(maps, np.dtype(self.dtype))

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return the pixels as they are, [n,c,h,w]; in the type of feature maps from 0 to 1.

        The feature maps themselves take the key: `unheld`.
        """
        if not self.layer:
            return ImageSanitizer.plain(self, pixels, geometry)
        return unit_planes(pixels, geometry).astype(self.values_dtype(geometry))

    def foreign(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the rows [n,c,h,w] that are not held, int64: a held row, held again, is the same.

        Where each image has a window of its own, it is one of `degree.windows_tried`, each of them
        a multiple of 2 or 3 or a whole image: what it holds is also held by 2 or by 3.
        """
        from dpkit.kernels.hold import hold  # noqa: PLC0415 (loads numba, not for --help)

        given, again = np.ascontiguousarray(values), np.empty_like(values, order="C")
        is_held = np.zeros(len(values), np.bool_)
        for window in (2, 3) if self.is_by_image else (self.window,):
            hold(given, window, again)
            is_held |= (given == again).reshape(len(values), -1).all(axis=1)
        return np.flatnonzero(~is_held)

    def encoder(self, key: Key, geometry: Geometry) -> Callable[[Any], Any] | None:
        """Return the network up to the layer and the hold; None where no layer is named.

        Forward it gives the released values in float32; backward the hold is the identity, as its
        own derivative is nothing but a choice of one sample.
        """
        if not self.layer:
            return None
        from dpkit.sanitizers.straight import straight_through  # noqa: PLC0415 (loads torch, not for --help)

        window = 1 if self.is_by_image else self.window
        return straight_through(self._asked(key, geometry), self.map_shape, window)

    def training(self, geometry: Geometry) -> dict[str, Json]:  # noqa: ARG002 (the protocol's signature)
        """Say what can learn: whatever learns from what was held."""
        return hold_words.training(self)

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        return hold_words.describe(self, geometry)

    def _windows(
        self, pixels: NDArray[Any], plain: NDArray[Any], key: Key, geometry: Geometry
    ) -> list[int]:
        if not self.is_by_image:
            return [self.window] * len(pixels)
        from dpkit.sanitizers.degree import window_for  # noqa: PLC0415 (loads torch, not for --help)

        asked = self._asked(key, geometry)
        rows = [slice(i, i + 1) for i in range(len(pixels))]
        return [window_for(asked, pixels[row], plain[row], self.degree) for row in rows]

    def _asked(self, key: Key, geometry: Geometry) -> Asked:
        from dpkit.sanitizers.asked import asked_of  # noqa: PLC0415 (loads torch, not for --help)

        return asked_of(key, (self.network, self.normalize, self.layer), geometry.peak)
