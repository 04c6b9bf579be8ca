"""What `Obfuscate` says: of what is released, of who can learn from it, of what it does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpkit.sanitizers.obfuscate import Obfuscate
    from dpkit.types import Geometry, Json


def notices(scheme: Obfuscate, geometry: Geometry) -> list[str]:
    """Return how much is released of an image, and what nobody promises."""
    chosen, values = scheme.at(geometry), math.prod(scheme.values_shape(geometry))
    first = f"{scheme.backbone} with {chosen.stacks} stacks from width {chosen.width}"
    numbers = f"{values:,} numbers are released of an image that has {geometry.elements:,}"
    return [f"{first}: {numbers}: what is hidden was unlearned, and only attacks tell how well"]


def training(scheme: Obfuscate, geometry: Geometry) -> dict[str, Json]:
    """Say what can learn: convolutions, from maps that are laid out as images are."""
    channels, height, width = scheme.values_shape(geometry)
    return {
        "convolutions_learn": True,
        "why": (
            f"values are {channels} feature maps of {height}x{width}, in the picture's own "
            "order of places; the first layers are done"
        ),
        "first_layer": None,
        "breaking_transforms": ["flip", "rotation", "color"],
    }


def describe(scheme: Obfuscate, geometry: Geometry) -> list[str]:
    """Say in sentences what is done to an image."""
    channels, height, width = scheme.values_shape(geometry)
    chosen = scheme.at(geometry)
    first = f"The first {chosen.stacks} stacks of a {scheme.backbone} of width {chosen.width}"
    return [
        f"{first} turn an image into {channels} maps of {height}x{width}.",
        "They were trained on the provider's own images to tell the classes apart.",
        *_adversary(scheme),
        f"Values are rounded to {scheme.dtype}; one network treats every image.",
    ]


def _adversary(scheme: Obfuscate) -> list[str]:
    if not scheme.lambda_:
        return []
    first = f"A reconstructor ({scheme.reconstructor}) was trained against them, and its PSNR"
    weighed = f"weighed {scheme.lambda_:g} beside the cross-entropy, after {scheme.warmup} epochs"
    return [f"{first} {weighed}."]
