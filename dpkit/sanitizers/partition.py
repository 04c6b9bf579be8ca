"""Privacy partitioning: a network is cut in two, and what its local part makes is released.

"Privacy Partitioning: Protecting User Data During the Deep Learning Inference Phase" (sections III
and IV, Algorithm 1, Appendices A to C).

    symbol      here          meaning                                                 paper
    local       local         the part of the network before the split point          III
    remote      remote        the part after it, the developer's                      III
    split       split_point   stages of the local part (`--split` names the parts)    III
    λ           lambda_       what a unit of distance is worth against the task       Eq. 2
    d           distance      MSE or SSIM of the best defender's reconstruction       Eqs. 2 and 4
    suite       defenders     how many defenders stand beside the network             Algorithm 1

The local part is the key: it is trained here, and sealed. What is decided where the paper is silent
stands in `dpkit.nets.bipartite`, `dpkit.nets.attackers` and `dpkit.training.suite`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from dpkit.errors import UsageError
from dpkit.rng import derive
from dpkit.sanitizers.base import REMOTE, ImageSanitizer, option_name, param
from dpkit.sanitizers.curve import curve_arrays, curve_of
from dpkit.types import Key, SanitizedBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import nn

    from dpkit.training.partitioned import Recipe
    from dpkit.types import Geometry, ImageBatch, Json, Secret
    from dpkit.types.supply import Need, Supply, Weights
    from dpkit.types.training_curve import TrainingCurve

SPLITS: Final = {"mlp": 3, "cnn": 4, "vgg19": 5}  # the last split point of each network
LEAST_SIDE: Final = {"mlp": 1, "cnn": 1, "vgg19": 32}  # pixels
LEAST_SSIM_SIDE: Final = 3  # pixels: one pixel has no structure
MOST_DEFENDERS: Final = 4
MOST_EPOCHS: Final = 10_000
MOST_WIDTH: Final = 1_024
MOST_STRENGTH: Final = 1e6
COLUMNS: Final = (
    "task loss", "best defender's distance",
    "validation loss", "validation accuracy", "validation distance of the best defender",
)  # fmt: skip
_FLOAT_BYTES: Final = 4
_TILE_IMAGES: Final = 256


@dataclass(frozen=True, slots=True)
class Partition(ImageSanitizer):
    """Privacy partitioning with its public parameters.

    Raises
    ------
    UsageError
        A parameter is outside its range.

    Examples
    --------
    >>> from dpkit.types import Geometry
    >>> Partition(network="vgg19", split_point=2).values_shape(Geometry(3, 32, 32, 8))
    (128, 8, 8)
    """

    name: ClassVar[str] = "partition"
    summary: ClassVar[str] = "Release what the first part of a trained, defended network makes."
    paper: ClassVar[str] = "Privacy Partitioning"
    example: ClassVar[str] = (
        "dpkit partition samples/images --network cnn --split-point 3 --out release"
    )
    default_size: ClassVar[tuple[int, int]] = (64, 64)  # its face images (section IV)
    fresh_keys: ClassVar[bool] = False
    restorable: ClassVar[bool] = False
    has_remote: ClassVar[bool] = True
    may_need: ClassVar[frozenset[Need]] = frozenset({"images"})

    network: str = param(
        "cnn",
        help="A perceptron, a small convolutional network, or VGG-19.",
        choices=("mlp", "cnn", "vgg19"),
    )
    split_point: int = param(3, help="Stages of the network that stay with you: 1 to 3, 4 or 5.")
    defenders: int = param(4, help="Defenders that are trained beside the network, 0 to 4.")
    lambda_: float = param(
        20.0, help="What distance is worth against the task; 0 defends nothing.", symbol="λ"
    )
    distance: str = param(
        "mse", help="What defenders lower and the network raises.", choices=("mse", "ssim")
    )
    epochs: int = param(60, help="Passes over the images, at most.")
    width: int = param(0, help="Channels of the first stage, or its eighth part; 0 is the usual.")
    dtype: str = param(
        "float16", help="Type of the released values.", choices=("float16", "float32")
    )
    classes: int = param(0, help="Classes of the labels that it was trained on.", is_found=True)

    def __post_init__(self) -> None:
        for field in fields(self):
            value, choices = getattr(self, field.name), field.metadata["choices"]
            if choices and value not in choices:
                raise UsageError(
                    f"--{option_name(field)} {value!r} is not one of {', '.join(choices)}"
                )
        _within("split-point", self.split_point, 1, SPLITS[self.network])
        _within("defenders", self.defenders, 0, MOST_DEFENDERS)
        _within("epochs", self.epochs, 1, MOST_EPOCHS)
        _within("width", self.width, 0, MOST_WIDTH)
        if not (math.isfinite(self.lambda_) and 0 <= self.lambda_ <= MOST_STRENGTH):
            raise UsageError(f"--lambda {self.lambda_:g} is not within 0 to {MOST_STRENGTH:g}")

    @property
    def needs(self) -> frozenset[Need]:
        """Labelled images, which the network is trained on."""
        return self.may_need

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        from dpkit.training.partitioned import Recipe  # noqa: PLC0415 (loads torch, not for --help)

        return Recipe(
            self.network,
            self.split_point,
            self.width,
            self.defenders,
            self.lambda_,
            self.distance,
            self.epochs,
        )

    @property
    def is_defended(self) -> bool:
        """Whether anything but the task is learned."""
        return bool(self.defenders and self.lambda_)

    def check(self, geometry: Geometry) -> None:
        """Refuse images that the network or the distance cannot be of.

        Raises
        ------
        UsageError
            With what would work.
        """
        side = min(geometry.height, geometry.width)
        if side < LEAST_SIDE[self.network]:
            raise UsageError(
                f"{self.network} halves images five times, and a side of {side} pixels is below "
                f"{LEAST_SIDE[self.network]}",
                remedy="give --network cnn or mlp, or a larger --size",
            )
        if self.distance == "ssim" and self.is_defended and side < LEAST_SSIM_SIDE:
            raise UsageError(
                f"SSIM needs {LEAST_SSIM_SIDE} pixels a side, and these images have {side}",
                remedy="give --distance mse",
            )

    def notices(self, geometry: Geometry) -> list[str]:  # noqa: ARG002 (the protocol's signature)
        """Say what a trained defence is worth."""
        if not self.is_defended:
            return ["nothing is defended: the network is trained for its task alone"]
        return [
            (
                f"the network resists the {self.defenders} defenders that it was trained beside; "
                "what another attacker sees is measured, not promised"
            )
        ]

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the largest array of weights, or of the curve where it is longer."""
        from dpkit.nets.bipartite import largest_weight  # noqa: PLC0415 (loads torch, not for --help)

        width, classes = self.recipe.full_width, max(1, self.classes)
        largest = largest_weight(self.network, _shape(geometry), self.split_point, width, classes)
        return _FLOAT_BYTES * max(largest, len(COLUMNS) * self.epochs)

    def completed(self, geometry: Geometry, supply: Supply) -> Self:
        """Return the sanitizer with the number of classes.

        Raises
        ------
        UsageError
            The images have not one label each, or all the same one.
        """
        from dpkit.training.pictures import images_of  # noqa: PLC0415 (loads torch, not for --help)

        self.check(geometry)
        return replace(self, classes=images_of(supply).classes)

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:
        """Train network and defenders; the curve is kept with both parts.

        Arrays are `local/…` and `remote/…` by torch's names, `kept`, and `curve` float32
        [epochs,5]: of each epoch task loss and the best defender's distance while they learned,
        then task loss, accuracy and the best defender's distance on the deciding images.

        Raises
        ------
        UsageError
            There are no labelled images, or too few or of too few classes.
        DpkitError
            The training ended in weights that are no numbers.
        """
        self.check(geometry)
        from dpkit.training.draws import seed_of  # noqa: PLC0415 (loads torch, not for --help)
        from dpkit.training.partitioned import key_arrays, partitioned  # noqa: PLC0415 (same)
        from dpkit.types.supply import Supply  # noqa: PLC0415 (same)

        supply = supply or Supply()
        own = seed_of(derive(seed, "partition"))
        made = partitioned(self.recipe, geometry, own, supply)
        supply.voice.notice(made.sentence())
        trained, deciding = made.trained, len(made.rows.deciding)
        curve = curve_arrays(trained.curve, trained.best_epoch, deciding)
        return Key(seed, key_arrays(made) | curve)

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return the shape of the local part's output; a perceptron's has no places."""
        from dpkit.nets.bipartite import maps_shape  # noqa: PLC0415 (loads torch, not for --help)

        return maps_shape(self.network, _shape(geometry), self.split_point, self.recipe.full_width)

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:  # noqa: ARG002 (the protocol's signature)
        """Return float16 or float32."""
        return np.dtype(self.dtype)

    def tile_images(self, geometry: Geometry) -> int:  # noqa: ARG002 (the protocol's signature)
        """Return how many images are encoded in one call; each goes through alone."""
        return _TILE_IMAGES

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Encode a batch of any length.

        Parameters
        ----------
        out
            [n,C,H,W] of `values_dtype`, C-contiguous; where given, it receives the values.
        """
        from dpkit.training.encoding import encode  # noqa: PLC0415 (loads torch, not for --help)

        shape = (len(batch), *self.values_shape(geometry))
        values = np.empty(shape, self.values_dtype(geometry)) if out is None else out
        encode(_local_part(key, self, geometry), batch.pixels, geometry.peak, values)
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return pixels of 0 to 1 in the released type, as [n,c,h,w]."""
        planes = np.moveaxis(pixels, -1, 1) / np.float32(geometry.peak)
        return np.ascontiguousarray(planes, dtype=self.values_dtype(geometry))

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:  # noqa: ARG002 (the protocol's signature)
        """Refuse: a network's values hold less than the image.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(
            "partitioned images cannot be restored: the key encodes, and nothing decodes",
            remedy="keep the originals; `dpkit lookup` finds them",
        )

    def encoder(self, key: Key, geometry: Geometry) -> Callable[[Any], Any]:
        """Return the local part: images [n,c,h,w] of 0 to 1 → values, differentiable."""
        return _local_part(key, self, geometry)

    def remote(self, key: Key, geometry: Geometry) -> Weights | None:
        """Return the remote part: released values → logits."""
        from dpkit.types.supply import Weights  # noqa: PLC0415 (one place for all of supply)

        arguments = {
            "network": self.network,
            "shape": list(_shape(geometry)),
            "classes": self.classes,
            "split": self.split_point,
            "width": self.recipe.full_width,
        }
        arrays = {n.removeprefix(REMOTE): key.array(n) for n in key.names() if n.startswith(REMOTE)}
        metadata = {"network": "bipartite-remote", "arguments": json.dumps(arguments)}
        return Weights(arrays, "", metadata)

    def training_curve(self, key: Key) -> TrainingCurve | None:
        """Return losses, accuracy and the best defender's distance by epoch."""
        return curve_of(key, COLUMNS)

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: the remote part, and any network that takes maps of this shape."""
        channels, height, width = self.values_shape(geometry)
        has_places = height > 1 and width > 1
        why = (
            f"values are {channels} maps of {height}x{width} places, in the order of the image"
            if has_places
            else f"values are {channels} numbers without a place: fully connected layers learn"
        )
        return {
            "convolutions_learn": has_places,
            "why": why,
            "first_layer": None,
            "breaking_transforms": [],
        }

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        channels, height, width = self.values_shape(geometry)
        stages = f"Its first {self.split_point} of {SPLITS[self.network] + 1} stages"
        lines = [
            f"A network of the kind {self.network} is trained on the provider's labelled images.",
            f"{stages} turn an image into {channels} maps of {height}x{width}.",
            f"Values are rounded to {self.dtype}; one network treats every image.",
        ]
        if not self.is_defended:
            return [*lines, "It is trained for its task alone: nothing is defended."]
        kind = {"mse": "mean squared error", "ssim": "structural dissimilarity"}[self.distance]
        raised = f"the network learns its task, and to raise the {kind} of the best one's images"
        return [
            *lines,
            f"{self.defenders} defenders learn beside it to turn such values back into images.",
            f"On each mini-batch {raised}, weighed by λ = {self.lambda_:g}.",
        ]


@lru_cache(maxsize=2)
def _local_part(key: Key, sanitizer: Partition, geometry: Geometry) -> nn.Module:
    """Return the local part of a key; a key is used for thousands of tiles."""
    from dpkit.training.partitioned import local_part  # noqa: PLC0415 (loads torch, not for --help)

    arrays = {name: key.array(name) for name in key.names()}
    return local_part(sanitizer.recipe, _shape(geometry), arrays)


def _shape(geometry: Geometry) -> tuple[int, int, int]:
    return geometry.channels, geometry.height, geometry.width


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageError(f"--{name} {value} is not within {least} to {most}")
