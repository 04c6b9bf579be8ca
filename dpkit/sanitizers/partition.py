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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dpkit.errors import UsageError
from dpkit.sanitizers import partition_words
from dpkit.sanitizers.base import ImageSanitizer, param
from dpkit.sanitizers.declared import require_within
from dpkit.sanitizers.encoding import FLOAT_BYTES, MOST_CLASSES, EncodingSanitizer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from dpkit.sanitizers.encoding import Learned
    from dpkit.training.partitioned import Recipe
    from dpkit.types import Geometry, Json, Key
    from dpkit.types.supply import Supply

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


@dataclass(frozen=True, slots=True)
class Partition(EncodingSanitizer):
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
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    rest: ClassVar[str] = "bipartite-remote"
    unrestorable: ClassVar[str] = (
        "partitioned images cannot be restored: the key encodes, and nothing decodes"
    )

    network: str = param(
        "cnn",
        help="A perceptron, a small convolutional network, or VGG-19.",
        choices=("mlp", "cnn", "vgg19"),
    )
    split_point: int = param(3, help="Stages of the network that stay with you: 1 to 3, 4 or 5.")
    defenders: int = param(
        4, help="Defenders that are trained beside the network.", within=(0, MOST_DEFENDERS)
    )
    lambda_: float = param(
        20.0,
        help="What distance is worth against the task; 0 defends nothing.",
        symbol="λ",
        within=(0, MOST_STRENGTH),
    )
    distance: str = param(
        "mse", help="What defenders lower and the network raises.", choices=("mse", "ssim")
    )
    epochs: int = param(60, help="Passes over the images, at most.", within=(1, MOST_EPOCHS))
    width: int = param(
        0,
        help="Channels of the first stage, or its eighth part; 0 is the usual.",
        within=(0, MOST_WIDTH),
    )
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
        require_within("split-point", self.split_point, (1, SPLITS[self.network]))

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        from dpkit.training.partitioned import Recipe  # noqa: PLC0415 (loads torch, not for --help)

        return Recipe(
            self.network, self.split_point, self.width, self.defenders, self.lambda_,
            self.distance, self.epochs,
        )  # fmt: skip

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
        return partition_words.notices(self)

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the largest array of weights, or of the curve where it is longer."""
        from dpkit.nets.bipartite import largest_weight  # noqa: PLC0415 (loads torch, not for --help)

        width, classes = self.recipe.full_width, max(1, self.classes)
        largest = largest_weight(self.network, _shape(geometry), self.split_point, width, classes)
        return FLOAT_BYTES * max(largest, len(self.columns) * self.epochs)

    def train(
        self, geometry: Geometry, seed: int, supply: Supply
    ) -> tuple[Learned, dict[str, NDArray[Any]]]:
        """Train network and defenders: `local/…` and `remote/…` by torch's names.

        Raises
        ------
        DpkitError
            The training ended in weights that are no numbers.
        """
        from dpkit.training.partitioned import key_arrays, partitioned  # noqa: PLC0415 (loads torch, not for --help)

        made = partitioned(self.recipe, geometry, seed, supply)
        return made, key_arrays(made)

    def build(self, key: Key, geometry: Geometry) -> nn.Module:
        """Build the local part that a key holds."""
        from dpkit.training.partitioned import local_part  # noqa: PLC0415 (loads torch, not for --help)

        arrays = {name: key.array(name) for name in key.names()}
        return local_part(self.recipe, _shape(geometry), arrays)

    def values_shape(self, geometry: Geometry) -> tuple[int, int, int]:
        """Return the shape of the local part's output; a perceptron's has no places."""
        from dpkit.nets.bipartite import maps_shape  # noqa: PLC0415 (loads torch, not for --help)

        return maps_shape(self.network, _shape(geometry), self.split_point, self.recipe.full_width)

    def rest_arguments(self, geometry: Geometry) -> dict[str, Json]:
        """Return what builds the remote part."""
        return {
            "network": self.network,
            "shape": list(_shape(geometry)),
            "classes": self.classes,
            "split": self.split_point,
            "width": self.recipe.full_width,
        }

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn: the remote part, and any network that takes maps of this shape."""
        return partition_words.training(self, geometry)

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""
        return partition_words.describe(self, geometry, SPLITS[self.network] + 1)


def _shape(geometry: Geometry) -> tuple[int, int, int]:
    return geometry.channels, geometry.height, geometry.width
