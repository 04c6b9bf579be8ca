"""What `Partition` says: of what its defence is worth, of who can learn, of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dpkit.sanitizers.partition import Partition
    from dpkit.types import Geometry, Json

_DISTANCES: Final = {"mse": "mean squared error", "ssim": "structural dissimilarity"}


def notices(scheme: Partition) -> list[str]:
    """Say what a trained defence is worth."""
    if not scheme.is_defended:
        return ["nothing is defended: the network is trained for its task alone"]
    known = f"the network resists the {scheme.defenders} defenders that it was trained beside"
    return [f"{known}; what another attacker sees is measured, not promised"]


def training(scheme: Partition, geometry: Geometry) -> dict[str, Json]:
    """Say what can learn: the remote part, and any network that takes maps of this shape."""
    channels, height, width = scheme.values_shape(geometry)
    has_places = height > 1 and width > 1
    why = (
        f"values are {channels} maps of {height}x{width} places, in the order of the image"
        if has_places
        else f"values are {channels} numbers without a place: fully connected layers learn"
    )
    return {
        "convolutions_learn": has_places, "why": why, "first_layer": None,
        "breaking_transforms": [],
    }  # fmt: skip


def describe(scheme: Partition, geometry: Geometry, stages: int) -> list[str]:
    """Say in sentences what is done to an image by a network of so many stages."""
    channels, height, width = scheme.values_shape(geometry)
    first = f"Its first {scheme.split_point} of {stages} stages"
    return [
        f"A network of the kind {scheme.network} is trained on the provider's labelled images.",
        f"{first} turn an image into {channels} maps of {height}x{width}.",
        f"Values are rounded to {scheme.dtype}; one network treats every image.",
        *_defence(scheme),
    ]


def _defence(scheme: Partition) -> list[str]:
    if not scheme.is_defended:
        return ["It is trained for its task alone: nothing is defended."]
    kind = _DISTANCES[scheme.distance]
    raised = f"the network learns its task, and to raise the {kind} of the best one's images"
    return [
        f"{scheme.defenders} defenders learn beside it to turn such values back into images.",
        f"On each mini-batch {raised}, weighed by λ = {scheme.lambda_:g}.",
    ]
