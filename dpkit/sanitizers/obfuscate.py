"""A learnable obfuscator: feature maps that were trained to keep the class and lose the picture.

"A privacy-preserving image classification framework with a learnable obfuscator" (section 3,
Eqs. 2 and 3, Algorithm 1). The training and its symbols stand in `training.obfuscation`, the
networks in `nets.obfuscator` and `nets.recs`.

The key holds the obfuscator, which nobody else may have, and the classifier that was trained with
it. What is decided here where the paper is silent: the maps are released in half precision, each
image goes through the obfuscator alone, and an epoch is chosen by deciding images, never by the
test part.
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

    from dpkit.nets.obfuscator import Obfuscator
    from dpkit.training.obfuscation import Recipe
    from dpkit.types import Geometry, ImageBatch, Json, Secret
    from dpkit.types.supply import Need, Supply, Weights
    from dpkit.types.training_curve import TrainingCurve

STACKS: Final = 5  # of a VGG
MAP_SIDE: Final = 8  # that stacks by size aim at
PAPER_SIDE: Final = 32  # of the images of the paper's width
PAPER_WIDTH: Final = 64
LEAST_WIDTH: Final = 16  # by size
MOST: Final = 8  # channels of a late stack, in parts of the first's
MOST_WEIGHT: Final = 100.0
COLUMNS: Final = (
    "cross-entropy", "PSNR", "reconstructor's MSE",
    "accuracy", "deciding cross-entropy", "deciding PSNR",
)  # fmt: skip
FLOAT_BYTES: Final = 4
LIMITS: Final = {
    "stacks": (0, STACKS - 1),
    "width": (0, 512),
    "epochs": (1, 10_000),
    "warmup": (0, 10_000),
    "T_main": (1, 100),
    "T_sub": (1, 100),
    "patience": (1, 10_000),
}
_TILE_BYTES: Final = 2**22  # 4 MiB of values at once
_TILE_IMAGES: Final = 256


@dataclass(frozen=True, slots=True)
class Obfuscate(ImageSanitizer):
    """A learnable obfuscator with its public parameters.

    Raises
    ------
    UsageError
        A parameter is outside its range.

    Examples
    --------
    >>> from dpkit.types import Geometry
    >>> Obfuscate().values_shape(Geometry(channels=3, height=32, width=32, depth=8))
    (128, 8, 8)
    """

    name: ClassVar[str] = "obfuscate"
    summary: ClassVar[str] = "Train an encoder that keeps the class and loses the picture."
    paper: ClassVar[str] = "A privacy-preserving classification framework, learnable obfuscator"
    example: ClassVar[str] = "dpkit obfuscate samples/images --width 8 --epochs 40"
    default_size: ClassVar[tuple[int, int]] = (32, 32)
    fresh_keys: ClassVar[bool] = False
    restorable: ClassVar[bool] = False
    has_remote: ClassVar[bool] = True
    may_need: ClassVar[frozenset[Need]] = frozenset({"images"})

    backbone: str = param(
        "vgg16",
        help="Network that is cut into obfuscator and classifier.",
        choices=("vgg11", "vgg13", "vgg16"),
    )
    stacks: int = param(
        0, help="Stacks of convolutions before the cut, each halves the maps; 0 goes by size."
    )
    width: int = param(
        0, help="Channels of the first stack; fewer train faster, 0 goes by the images' size."
    )
    reconstructor: str = param(
        "simrec",
        help="Adversary of the training.",
        choices=("simrec", "urec1", "urec2", "resrec"),
    )
    lambda_: float = param(
        0.05, help="Weight of the adversary's PSNR; 0 trains without one.", symbol="λ"
    )
    epochs: int = param(60, help="Passes over the images, at most.")
    warmup: int = param(10, help="Epochs of them before the adversary counts.")
    T_main: int = param(1, help="Steps of obfuscator and classifier on a batch.", symbol="T_main")
    T_sub: int = param(2, help="Steps of the adversary on a batch.", symbol="T_sub")
    patience: int = param(15, help="Epochs without a better one, after which it ends.")
    augment: bool = param(True, help="Mirror and shift the images that are learned from.")
    dtype: str = param(
        "float16", help="Type of the released values.", choices=("float16", "float32")
    )
    classes: int = param(0, help="Classes of the labels that it was trained on.", is_found=True)

    def __post_init__(self) -> None:
        for field in fields(self):
            value, choices = getattr(self, field.name), field.metadata["choices"]
            if choices and value not in choices:
                raise UsageError(f"--{option_name(field)} {value!r} is not one of {choices}")
            if field.name in LIMITS:
                _within(option_name(field), value, *LIMITS[field.name])
        _within("lambda", self.lambda_, 0, MOST_WEIGHT)
        if self.lambda_ and self.warmup >= self.epochs:
            raise UsageError(
                f"--warmup {self.warmup} leaves none of --epochs {self.epochs} to the adversary",
                remedy="give fewer, or more epochs",
            )

    @property
    def needs(self) -> frozenset[Need]:
        """Labelled images."""
        return frozenset({"images"})

    def at(self, geometry: Geometry) -> Self:
        """Return the sanitizer with the stacks and the width that 0 leaves to the images' size.

        The paper's own, 2 and 64, up to 45 pixels a side. Larger images get maps of about 8 a
        side by up to 4 stacks, and a width that falls as the side grows, to 16.
        """
        side = min(geometry.height, geometry.width)
        stacks = self.stacks or min(STACKS - 1, max(2, round(math.log2(side / MAP_SIDE))))
        halved = max(0, round(math.log2(side / PAPER_SIDE)))
        width = self.width or max(LEAST_WIDTH, PAPER_WIDTH >> halved)
        return replace(self, stacks=stacks, width=width)

    def check(self, geometry: Geometry) -> None:
        """Refuse images that leave no map.

        Raises
        ------
        UsageError
            With the least size.
        """
        stacks = self.at(geometry).stacks
        least = 2**stacks
        if min(geometry.height, geometry.width) < least:
            raise UsageError(
                f"{stacks} stacks leave no map of {geometry.height}x{geometry.width} pixels",
                remedy=f"give images of {least}x{least} or more, or fewer --stacks",
            )

    def notices(self, geometry: Geometry) -> list[str]:
        """Return what is released of an image, and what nobody promises."""
        chosen, values = self.at(geometry), int(np.prod(self.values_shape(geometry)))
        first = f"{self.backbone} with {chosen.stacks} stacks from width {chosen.width}"
        numbers = f"{values:,} numbers are released of an image that has {geometry.elements:,}"
        return [f"{first}: {numbers}: what is hidden was unlearned, and only attacks tell how well"]

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the largest layer, or of the curve where that is longer."""
        widest = MOST * self.at(geometry).width
        convolution, answers = 9 * widest * widest, self.classes * widest
        return FLOAT_BYTES * max(convolution, answers, len(COLUMNS) * self.epochs)

    def completed(self, geometry: Geometry, supply: Supply) -> Self:
        """Return the sanitizer with the number of classes.

        Raises
        ------
        UsageError
            The images have not one label each, or all the same one.
        """
        from dpkit.training.pictures import images_of  # noqa: PLC0415 (loads torch, not for --help)

        self.check(geometry)
        return replace(self.at(geometry), classes=images_of(supply).classes)

    def fit(self, geometry: Geometry, seed: Secret, supply: Supply | None = None) -> Key:
        """Train obfuscator and classifier; the curve is kept with them.

        Arrays are `encoder/…` and `remote/…` by torch's names, `kept`, and `curve` float32
        [epochs,6]: of each epoch cross-entropy, PSNR and the adversary's MSE while it learned, then
        accuracy, cross-entropy and PSNR on the deciding images.

        Raises
        ------
        UsageError
            There are no labelled images, too few, or of one class only.
        """
        from dpkit.training.draws import seed_of  # noqa: PLC0415 (loads torch, not for --help)
        from dpkit.training.obfuscation import obfuscated  # noqa: PLC0415 (same)
        from dpkit.training.pictures import images_of  # noqa: PLC0415 (same)
        from dpkit.training.state import arrays_of  # noqa: PLC0415 (same)
        from dpkit.types.supply import Supply  # noqa: PLC0415 (same)

        self.check(geometry)
        supply = supply or Supply()
        images_of(supply)
        recipe = self.at(geometry).recipe()
        made = obfuscated(recipe, geometry, seed_of(derive(seed, "obfuscate")), supply)
        supply.voice.notice(made.sentence())
        arrays = arrays_of(made.encoder, "encoder") | arrays_of(made.classifier, REMOTE[:-1])
        trained, deciding = made.trained, len(made.rows.deciding)
        return Key(seed, arrays | curve_arrays(trained.curve, trained.best_epoch, deciding))

    def recipe(self) -> Recipe:
        """Return what is trained, as the training room takes it."""
        from dpkit.training.obfuscation import Recipe  # noqa: PLC0415 (loads torch, not for --help)

        return Recipe(
            self.backbone, self.stacks, self.width, self.reconstructor, self.lambda_,
            self.epochs, self.warmup, self.T_main, self.T_sub, self.augment, self.patience,
        )  # fmt: skip

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return channels, height and width of the maps."""
        chosen = self.at(geometry)
        channels = chosen.width * min(2 ** (chosen.stacks - 1), MOST)
        return channels, geometry.height >> chosen.stacks, geometry.width >> chosen.stacks

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:  # noqa: ARG002 (the protocol's signature)
        """Return float16 or float32."""
        return np.dtype(self.dtype)

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images are encoded in a row."""
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
        """
        from dpkit.training.encoding import encode  # noqa: PLC0415 (loads torch, not for --help)

        shape = (len(batch), *self.values_shape(geometry))
        values = np.empty(shape, self.values_dtype(geometry)) if out is None else out
        network = _network(key, self.at(geometry), geometry.channels)
        encode(network, batch.pixels, geometry.peak, values)
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return the pixels of 0 to 1 in the released type: what the obfuscator takes."""
        planes = np.moveaxis(pixels, -1, 1).astype(np.float32) / np.float32(geometry.peak)
        return np.ascontiguousarray(planes, dtype=self.values_dtype(geometry))

    def encoder(self, key: Key, geometry: Geometry) -> Callable[[Any], Any] | None:
        """Return the obfuscator."""
        return _network(key, self.at(geometry), geometry.channels)

    def remote(self, key: Key, geometry: Geometry) -> Weights | None:
        """Return the classifier that was trained with the obfuscator: maps [n,…] → logits."""
        from dpkit.training.obfuscation import BACKBONES  # noqa: PLC0415 (loads torch, not for --help)
        from dpkit.types.supply import Weights  # noqa: PLC0415 (same)

        chosen = self.at(geometry)
        arguments = {
            "layers": BACKBONES[self.backbone], "stacks": chosen.stacks, "classes": self.classes,
            "width": chosen.width,
        }  # fmt: skip
        arrays = {n.removeprefix(REMOTE): key.array(n) for n in key.names() if n.startswith(REMOTE)}
        metadata = {"network": "obfuscated-classifier", "arguments": json.dumps(arguments)}
        return Weights(arrays, "", metadata)

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:  # noqa: ARG002 (the protocol's signature)
        """Refuse: an obfuscator has no inverse.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(
            "feature maps cannot be restored: the key turns images into maps, not back",
            remedy="keep the originals; `dpkit lookup` finds them",
        )

    def training_curve(self, key: Key) -> TrainingCurve | None:
        """Return losses, accuracy and the adversary's PSNR by epoch."""
        return curve_of(key, COLUMNS)

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: convolutions, from maps that are laid out as images are."""
        channels, height, width = self.values_shape(geometry)
        return {
            "convolutions_learn": True,
            "why": (
                f"values are {channels} feature maps of {height}x{width}, in the picture's own "
                "order of places; the first layers are done"
            ),
            "first_layer": None,
            "breaking_transforms": ["flip", "rotation", "color"],
        }

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        channels, height, width = self.values_shape(geometry)
        chosen = self.at(geometry)
        first = f"The first {chosen.stacks} stacks of a {self.backbone} of width {chosen.width}"
        found = [
            f"{first} turn an image into {channels} maps of {height}x{width}.",
            "They were trained on the provider's own images to tell the classes apart.",
            f"Values are rounded to {self.dtype}; one network treats every image.",
        ]
        if self.lambda_:
            found.insert(
                2,
                f"A reconstructor ({self.reconstructor}) was trained against them, and its PSNR "
                f"weighed {self.lambda_:g} beside the cross-entropy, after {self.warmup} epochs.",
            )
        return found


def _within(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"--{option} {value} is not within {least} to {most}")


@lru_cache(maxsize=2)
def _network(key: Key, sanitizer: Obfuscate, channels: int) -> Obfuscator:
    """Return the obfuscator of a key; a key is used for thousands of tiles."""
    from dpkit.training.draws import torch_draws  # noqa: PLC0415 (loads torch, not for --help)
    from dpkit.training.obfuscation import empty_networks  # noqa: PLC0415 (same)
    from dpkit.training.state import load_into  # noqa: PLC0415 (same)

    with torch_draws(0, "overwritten"):  # torch's own draws are left alone
        network, _ = empty_networks(sanitizer.recipe(), channels, 1)
    arrays = {name: key.array(name) for name in key.names() if name.startswith("encoder/")}
    load_into(network, arrays, "encoder")
    return network.requires_grad_(False).eval()
