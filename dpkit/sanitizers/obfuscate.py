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

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from dpkit.errors import UsageError
from dpkit.sanitizers import obfuscate_words
from dpkit.sanitizers.base import REMOTE, ImageSanitizer, param
from dpkit.sanitizers.encoding import FLOAT_BYTES, MOST_CLASSES, EncodingSanitizer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from dpkit.sanitizers.encoding import Learned
    from dpkit.training.obfuscation import Recipe
    from dpkit.types import Geometry, Json, Key
    from dpkit.types.supply import Supply

STACKS: Final = 5  # of a VGG
MAP_SIDE: Final = 8  # that stacks by size aim at
PAPER_SIDE: Final = 32  # of the images of the paper's width
PAPER_WIDTH: Final = 64
LEAST_WIDTH: Final = 16  # by size
MOST: Final = 8  # channels of a late stack, in parts of the first's
MOST_WEIGHT: Final = 100.0
MOST_EPOCHS: Final = 10_000
MOST_STEPS: Final = 100
COLUMNS: Final = (
    "cross-entropy", "PSNR", "reconstructor's MSE",
    "accuracy", "deciding cross-entropy", "deciding PSNR",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Obfuscate(EncodingSanitizer):
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
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    rest: ClassVar[str] = "obfuscated-classifier"
    unrestorable: ClassVar[str] = (
        "feature maps cannot be restored: the key turns images into maps, not back"
    )

    backbone: str = param(
        "vgg16",
        help="Network that is cut into obfuscator and classifier.",
        choices=("vgg11", "vgg13", "vgg16"),
    )
    stacks: int = param(
        0,
        help="Stacks of convolutions before the cut, each halves the maps; 0 goes by size.",
        within=(0, STACKS - 1),
    )
    width: int = param(
        0,
        help="Channels of the first stack; fewer train faster, 0 goes by the images' size.",
        within=(0, 512),
    )
    reconstructor: str = param(
        "simrec",
        help="Adversary of the training.",
        choices=("simrec", "urec1", "urec2", "resrec"),
    )
    lambda_: float = param(
        0.05,
        help="Weight of the adversary's PSNR; 0 trains without one.",
        symbol="λ",
        within=(0, MOST_WEIGHT),
    )
    epochs: int = param(60, help="Passes over the images, at most.", within=(1, MOST_EPOCHS))
    warmup: int = param(
        10, help="Epochs of them before the adversary counts.", within=(0, MOST_EPOCHS)
    )
    T_main: int = param(
        1,
        help="Steps of obfuscator and classifier on a batch.",
        symbol="T_main",
        within=(1, MOST_STEPS),
    )
    T_sub: int = param(
        2, help="Steps of the adversary on a batch.", symbol="T_sub", within=(1, MOST_STEPS)
    )
    patience: int = param(
        15, help="Epochs without a better one, after which it ends.", within=(1, MOST_EPOCHS)
    )
    augment: bool = param(True, help="Mirror and shift the images that are learned from.")
    dtype: str = param(
        "float16", help="Type of the released values.", choices=("float16", "float32")
    )
    classes: int = param(
        0,
        help="Classes of the labels that it was trained on.",
        within=(0, MOST_CLASSES),
        is_found=True,
    )

    def __post_init__(self) -> None:
        ImageSanitizer.__post_init__(self)
        if self.lambda_ and self.warmup >= self.epochs:
            raise UsageError(
                f"--warmup {self.warmup} leaves none of --epochs {self.epochs} to the adversary",
                remedy="give fewer, or more epochs",
            )

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

    def completed(self, geometry: Geometry, supply: Supply) -> Self:
        """Return the sanitizer with stacks, width and the number of classes.

        Raises
        ------
        UsageError
            The images have not one label each, or all the same one.
        """
        return EncodingSanitizer.completed(self.at(geometry), geometry, supply)

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
        return obfuscate_words.notices(self, geometry)

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the largest layer, or of the curve where that is longer."""
        widest = MOST * self.at(geometry).width
        convolution, answers = 9 * widest * widest, self.classes * widest
        return FLOAT_BYTES * max(convolution, answers, len(self.columns) * self.epochs)

    def train(
        self, geometry: Geometry, seed: int, supply: Supply
    ) -> tuple[Learned, dict[str, NDArray[Any]]]:
        """Train obfuscator and classifier: `encoder/…` and `remote/…` by torch's names."""
        from dpkit.training.obfuscation import obfuscated  # noqa: PLC0415 (loads torch, not for --help)
        from dpkit.training.state import arrays_of  # noqa: PLC0415 (same)

        made = obfuscated(self.at(geometry).recipe(), geometry, seed, supply)
        weights = arrays_of(made.encoder, "encoder") | arrays_of(made.classifier, REMOTE[:-1])
        return made, weights

    def build(self, key: Key, geometry: Geometry) -> nn.Module:
        """Build the obfuscator that a key holds."""
        from dpkit.training.draws import torch_draws  # noqa: PLC0415 (loads torch, not for --help)
        from dpkit.training.obfuscation import empty_networks  # noqa: PLC0415 (same)
        from dpkit.training.state import load_into  # noqa: PLC0415 (same)

        with torch_draws(0, "overwritten"):  # torch's own draws are left alone
            network, _ = empty_networks(self.at(geometry).recipe(), geometry.channels, 1)
        load_into(network, {name: key.array(name) for name in key.names()}, "encoder")
        return network.requires_grad_(requires_grad=False).eval()

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

    def rest_arguments(self, geometry: Geometry) -> dict[str, Json]:
        """Return what builds the classifier."""
        from dpkit.training.obfuscation import BACKBONES  # noqa: PLC0415 (loads torch, not for --help)

        chosen = self.at(geometry)
        return {
            "layers": BACKBONES[self.backbone], "stacks": chosen.stacks, "classes": self.classes,
            "width": chosen.width,
        }  # fmt: skip

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: convolutions, from maps that are laid out as images are."""
        return obfuscate_words.training(self, geometry)

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        return obfuscate_words.describe(self, geometry)
