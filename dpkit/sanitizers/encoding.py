"""What holds of a sanitizer that trains a network and releases what its first part makes of images.

Such a sanitizer is trained on the provider's labelled images, once. Its key holds both parts: the
first is the secret, the rest (`remote/…`) may go with the release. It says for itself which
networks they are, how they are trained, and its sentences.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

import numpy as np

from dpkit.rng import derive
from dpkit.sanitizers.base import REMOTE, ImageSanitizer, unit_planes
from dpkit.sanitizers.curve import curve_arrays, curve_of
from dpkit.sanitizers.per_key import once_per_key
from dpkit.types import Key, SanitizedBatch
from dpkit.types.supply import Supply, Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import nn

    from dpkit.training.loop import Trained
    from dpkit.training.pictures import Split
    from dpkit.types import Geometry, ImageBatch, Json, Secret
    from dpkit.types.supply import Need
    from dpkit.types.training_curve import TrainingCurve

MOST_CLASSES: Final = 65_536  # as many as the readers tell apart
FLOAT_BYTES: Final = 4
_TILE_BYTES: Final = 2**22  # 4 MiB of values at once
_TILE_IMAGES: Final = 256
_TRIED: Final = 256  # deciding images that a new key must be able to encode


class Learned(Protocol):
    """Networks that were trained, and how they came to be."""

    @property
    def trained(self) -> Trained:
        """Its curve, and the epoch that counts."""

    @property
    def rows(self) -> Split:
        """Which images it learned from, and which decided."""

    def sentence(self) -> str:
        """Say how the training ended, for the provider."""


class EncodingSanitizer(ImageSanitizer, ABC):
    """The common part; a subclass has `dtype` and `classes` among its parameters."""

    __slots__ = ()

    fresh_keys: ClassVar[bool] = False
    restorable: ClassVar[bool] = False
    has_remote: ClassVar[bool] = True
    may_need: ClassVar[frozenset[Need]] = frozenset({"images"})
    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]  # of the curve of its training
    rest: ClassVar[str]  # a name of `nets.REMOTES`: the network after the encoder

    dtype: str
    classes: int

    @property
    def needs(self) -> frozenset[Need]:
        """Labelled images, which the network is trained on."""
        return self.may_need

    @abstractmethod
    def train(
        self, geometry: Geometry, seed: int, supply: Supply
    ) -> tuple[Learned, dict[str, NDArray[Any]]]:
        """Train both parts; return how that went, and the weights as a key names them."""

    @abstractmethod
    def build(self, key: Key, geometry: Geometry) -> nn.Module:
        """Build the first part of a key's network, on the processor, for evaluation alone."""

    @abstractmethod
    def rest_arguments(self, geometry: Geometry) -> Mapping[str, Json]:
        """Return what builds the network `rest`, whose weights the key holds."""

    def completed(self, geometry: Geometry, supply: Supply) -> Self:
        """Return the sanitizer with the number of classes.

        Raises
        ------
        UsageError
            The images have not one label each, or all the same one.
        """
        from dpkit.training.pictures import images_of  # noqa: PLC0415 (loads torch, not for --help)

        self.check(geometry)
        return replace(self, classes=images_of(supply).classes)  # type: ignore[type-var]  # every sanitizer is a dataclass

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:
        """Train both parts, and keep the curve with them; `train` says how arrays are named.

        `curve` is float32 [epochs,columns], `kept` as in `sanitizers.curve`.

        Raises
        ------
        UsageError
            There are no labelled images, or too few or of too few classes.
        DpkitError
            The training ended in weights that are no numbers, or in maps beyond the type.
        """
        from dpkit.training.draws import seed_of  # noqa: PLC0415 (loads torch, not for --help)

        self.check(geometry)
        supply = supply or Supply()
        learned, weights = self.train(geometry, seed_of(derive(seed, self.name)), supply)
        supply.voice.notice(learned.sentence())
        trained, deciding = learned.trained, len(learned.rows.deciding)
        key = Key(seed, weights | curve_arrays(trained.curve, trained.best_epoch, deciding))
        self._try(key, geometry, supply, learned.rows.deciding)
        return key

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:  # noqa: ARG002 (the protocol's signature)
        """Return float16 or float32."""
        return np.dtype(self.dtype)

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images are encoded in a row; each goes through alone."""
        by_size = _TILE_BYTES // (FLOAT_BYTES * int(np.prod(self.values_shape(geometry))))
        return max(1, min(_TILE_IMAGES, by_size))

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Encode a batch of any length, each image by itself.

        Parameters
        ----------
        out
            [n,*values_shape] of `values_dtype`, C-contiguous; where given, it receives the values.

        Raises
        ------
        DpkitError
            A value is beyond its type.
        """
        from dpkit.training.encoding import encode  # noqa: PLC0415 (loads torch, not for --help)

        values = self.room(len(batch), geometry, out)
        encode(_network(key, self, geometry), batch.pixels, geometry.peak, values)
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return the pixels of 0 to 1 in the released type: what the network takes."""
        return unit_planes(pixels, geometry).astype(self.values_dtype(geometry))

    def encoder(self, key: Key, geometry: Geometry) -> Callable[[Any], Any] | None:
        """Return the first part: images [n,c,h,w] of 0 to 1 → values, differentiable."""
        return _network(key, self, geometry)

    def remote(self, key: Key, geometry: Geometry) -> Weights | None:
        """Return the rest of the network: released values → logits."""
        arrays = {n.removeprefix(REMOTE): key.array(n) for n in key.names() if n.startswith(REMOTE)}
        arguments = json.dumps(self.rest_arguments(geometry))
        return Weights(arrays, "", {"network": self.rest, "arguments": arguments})

    def training_curve(self, key: Key) -> TrainingCurve | None:
        """Return the columns by epoch."""
        return curve_of(key, self.columns)

    def _try(
        self, key: Key, geometry: Geometry, supply: Supply, deciding: NDArray[np.int64]
    ) -> None:
        """Encode some deciding images of all classes, so that a value beyond its type is met now.

        Raises
        ------
        DpkitError
            One was met.
        """
        from dpkit.training.encoding import encode  # noqa: PLC0415 (loads torch, not for --help)
        from dpkit.training.pictures import images_of  # noqa: PLC0415 (same)

        images, network = images_of(supply), _network(key, self, geometry)
        chosen = deciding[:: -(-len(deciding) // _TRIED)]
        size = self.tile_images(geometry)
        for start in range(0, len(chosen), size):
            rows = chosen[start : start + size]
            values = self.room(len(rows), geometry, None)
            encode(network, images.pixels(rows), geometry.peak, values)


@once_per_key
def _network(key: Key, sanitizer: EncodingSanitizer, geometry: Geometry) -> nn.Module:
    return sanitizer.build(key, geometry)
