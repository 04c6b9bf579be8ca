"""What every sanitizer is: public parameters, a secret key, a pure `apply`.

Most release images of the size that they read, need nothing but a seed, and promise nothing that
is differential privacy: `ImageSanitizer` says so once for them. A sanitizer that needs a network
or labelled images gets them as `Supply`: first in `completed`, which fills in the parameters that
only these decide (the shape of a feature map, a window that was searched), then in `fit`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self, TypeAlias

import numpy as np

from dpkit.errors import DpkitError, UsageError
from dpkit.sanitizers.declared import option_name, options_of, param, require_declared
from dpkit.types import Geometry, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from dpkit.types import Company, ImageBatch, Json, Part, SanitizedBatch, Secret
    from dpkit.types.guarantee import Guarantee
    from dpkit.types.supply import Need, Supply, Weights
    from dpkit.types.training_curve import TrainingCurve

REMOTE: Final = "remote/"  # what begins the name of a key's array that may be released
Presets: TypeAlias = "Mapping[str, Mapping[str, Json]]"

__all__ = [
    "REMOTE",
    "ImageSanitizer",
    "Presets",
    "Sanitizer",
    "option_name",
    "options_of",
    "param",
    "parameters",
    "promises_privacy",
    "unit_planes",
]


class Sanitizer(Protocol):
    """One scheme of one paper, as a frozen dataclass of public parameters made with `param`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    example: ClassVar[str]  # a command line that shows it at work
    default_size: ClassVar[tuple[int, int]]  # the paper's own [height, width]
    fresh_keys: ClassVar[bool]  # whether a data key must never serve two releases
    restorable: ClassVar[bool]  # whether the key gives the originals back
    presets: ClassVar[Presets]  # parameters that go together, by one word; often none
    is_keyed: ClassVar[bool]  # whether values follow from a secret, which no stranger can repeat
    has_remote: ClassVar[bool]  # whether the rest of a network can be released with the values
    may_need: ClassVar[frozenset[Need]]  # what some of its parameters make it need

    @property
    def needs(self) -> frozenset[Need]:
        """What `completed` and `fit` must be given with these parameters."""

    @property
    def least_company(self) -> int:
        """Rows of a label that stand together in a shard; 0 where each image stands alone."""

    @property
    def donors(self) -> int:
        """Images of another group that an image needs to be mixed with; 0 where it needs none."""

    def check(self, geometry: Geometry) -> None:
        """Raise `UsageError`, with what would work, where these parameters cannot."""

    def notices(self, geometry: Geometry) -> list[str]:
        """Return what the user should know before the run, one sentence each; often none."""

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the largest secret array that `fit` must hold in memory."""

    def completed(self, geometry: Geometry, supply: Supply) -> Self:
        """Return the sanitizer with the parameters filled in that its supply decides.

        Raises
        ------
        UsageError
            The network or the images do not fit these parameters.
        """

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:
        """Make the key: a function of parameters, geometry, `seed` and what `needs` names.

        Parameters
        ----------
        supply
            None only where nothing is needed.
        """

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return channels, height and width of a released row; those of the image for most."""

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:
        """Return the type of the released values."""

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images one call of `apply` should get, from geometry alone."""

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Sanitize a batch of any length.

        Parameters
        ----------
        out
            [n,c,h,w] of `values_dtype`, C-contiguous; where given, it receives the values.
        """

    def lonely(self, company: Company) -> NDArray[np.int64]:
        """Return the places of images that must leave the shard for want of company, int64."""

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return pixels [n,h,w,c] in the released type and layout [n,c,h,w], not sanitized."""

    def foreign(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the places of released rows [n,c,h,w] that it cannot have made, int64.

        Only as far as the rows tell by themselves; the self-check refuses to publish any.
        """

    def leaves_plain(self, part: Part) -> bool:
        """Say whether the images of this part are released as they are, by the user's wish."""

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:
        """Return the pixels u8 or u16 [n,h,w,c] of released values [n,c,h,w].

        Raises
        ------
        UsageError
            What was done to the images cannot be undone, by anybody.
        """

    def encoder(self, key: Key, geometry: Geometry) -> Callable[[Any], Any] | None:
        """Return a torch function from images [n,c,h,w] of 0 to 1 to values; None without network.

        It is what an adversary who holds the key can differentiate through.
        """

    def remote(self, key: Key, geometry: Geometry) -> Weights | None:
        """Return the rest of the network, which goes on from released values; None without one.

        Its metadata has `network`, a name of `nets.REMOTES`, and `arguments`, as JSON. In the key
        its arrays are named `remote/…`: they are no secret where the provider gives them away.
        """

    def training_curve(self, key: Key) -> TrainingCurve | None:
        """Return how the key was learned, for the reports; None where it was not."""

    def guarantee(self, geometry: Geometry) -> Guarantee | None:
        """Return the differential privacy that is promised of each image; None for none."""

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn from the values: the static part of the manifest's training block."""

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""


class ImageSanitizer:
    """What holds of a sanitizer that releases images and needs nothing but a seed.

    Each parameter is held to its declaration when the dataclass is made. What parameters ask of one
    another a sanitizer checks in a `__post_init__` of its own, which calls this one by its name:
    `super()` does not find its way in a dataclass with slots.
    """

    __slots__ = ()

    is_keyed: ClassVar[bool] = True
    has_remote: ClassVar[bool] = False
    may_need: ClassVar[frozenset[Need]] = frozenset()
    presets: ClassVar[Presets] = {}
    unrestorable: ClassVar[str] = ""  # why originals do not come back, where they do not
    originals: ClassVar[str] = "keep the originals; `dpkit lookup` finds them"

    def __post_init__(self) -> None:
        require_declared(self)

    @property
    def least_company(self) -> int:
        """Return 0: each image stands alone."""
        return 0

    @property
    def donors(self) -> int:
        """Return 0: no image is mixed with others."""
        return 0

    @property
    def needs(self) -> frozenset[Need]:
        """Nothing."""
        return frozenset()

    def check(self, geometry: Geometry) -> None:
        """Take images of any size."""

    def key_bytes(self, geometry: Geometry) -> int:  # noqa: ARG002 (the protocol's signature)
        """Return 0: the key is its seed, from which every draw follows."""
        return 0

    def completed(self, geometry: Geometry, supply: Supply) -> Self:  # noqa: ARG002 (the protocol's signature)
        """Return the sanitizer itself."""
        return self

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:  # noqa: ARG002 (the protocol's signature)
        """Make the key: `seed` alone."""
        self.check(geometry)
        return Key(seed, {})

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return the image's own channels, height and width."""
        return geometry.channels, geometry.height, geometry.width

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:
        """Return the type of the pixels, uint8 or uint16."""
        return geometry.pixel_dtype

    def room(self, n: int, geometry: Geometry, out: NDArray[Any] | None) -> NDArray[Any]:
        """Return the array that receives the values of `n` images: `out`, or a new one.

        Raises
        ------
        DpkitError
            `out` is of another shape or type, or not C-contiguous.
        """
        shape, dtype = (n, *self.values_shape(geometry)), self.values_dtype(geometry)
        if out is None:
            return np.empty(shape, dtype)
        if (out.shape, out.dtype) != (shape, dtype) or not out.flags.c_contiguous:
            raise DpkitError(f"out is not a C-contiguous {dtype} array of shape {shape}")
        return out

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:  # noqa: ARG002 (the protocol's signature)
        """Return the pixels as they are, in the released layout [n,c,h,w]."""
        return np.ascontiguousarray(np.moveaxis(pixels, -1, 1))

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:  # noqa: ARG002 (the protocol's signature)
        """Refuse, and say why the key cannot help.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(self.unrestorable, remedy=self.originals)

    def lonely(self, company: Company) -> NDArray[np.int64]:  # noqa: ARG002 (the protocol's signature)
        """Return none: each image stands alone."""
        return np.empty(0, np.int64)

    def foreign(self, values: NDArray[Any]) -> NDArray[np.int64]:  # noqa: ARG002 (the protocol's signature)
        """Return none: its rows tell nothing of how they were made."""
        return np.empty(0, np.int64)

    def leaves_plain(self, part: Part) -> bool:  # noqa: ARG002 (the protocol's signature)
        """Return False: every part is sanitized."""
        return False

    def encoder(self, key: Key, geometry: Geometry) -> Callable[[Any], Any] | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: there is no network."""
        return None

    def remote(self, key: Key, geometry: Geometry) -> Weights | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: there is no network."""
        return None

    def training_curve(self, key: Key) -> TrainingCurve | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: nothing was trained."""
        return None

    def guarantee(self, geometry: Geometry) -> Guarantee | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: no differential privacy is promised."""
        return None


def unit_planes(pixels: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    """Return pixels [n,h,w,c] as networks take them: float32 [n,c,h,w] of 0 to 1."""
    planes = np.moveaxis(pixels, -1, 1).astype(np.float32) / np.float32(geometry.peak)
    return np.ascontiguousarray(planes)


def promises_privacy(sanitizer: Sanitizer) -> bool:
    """Say whether a sanitizer guarantees differential privacy."""
    height, width = sanitizer.default_size
    geometry = Geometry(channels=3, height=height, width=width, depth=8)
    return sanitizer.guarantee(geometry) is not None


def parameters(sanitizer: Sanitizer) -> dict[str, Json]:
    """Return the public parameters of a sanitizer by name, JSON-able; `lambda_` is `lambda`."""
    return {f.name.rstrip("_"): getattr(sanitizer, f.name) for f in fields(sanitizer)}  # type: ignore[arg-type]  # every sanitizer is a dataclass
