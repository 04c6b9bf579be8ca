"""Which of torchvision's transforms do not commute with what was done to the images.

torchvision is never imported: a transform is known by the name of its class, also inside
`Compose` and other containers that hold a list of `transforms`.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# a word of the manifest → class names of torchvision.transforms and its v2
_CLASSES: Final = {
    "flip": re.compile(r"Random(Horizontal|Vertical)Flip"),
    "crop": re.compile(
        r".*Crop|Resize|RandomResize|Pad|RandomZoomOut|ScaleJitter|RandomShortestSize"
    ),
    "rotation": re.compile(r"RandomRotation|RandomAffine|RandomPerspective|ElasticTransform"),
    "color": re.compile(
        r"ColorJitter|(Random)?Grayscale|RGB|Random(Invert|Posterize|Solarize|AdjustSharpness|"
        r"Autocontrast|Equalize|ChannelPermutation|PhotometricDistort)|GaussianBlur|"
        r"RandAugment|AutoAugment|TrivialAugmentWide|AugMix"
    ),
}


def warn_about(transform: object, breaking: Sequence[str]) -> None:
    """Warn once, naming every transform that means something else on these values."""
    found = sorted(
        {
            type(part).__name__
            for part in _parts(transform)
            if any(_CLASSES[w].fullmatch(type(part).__name__) for w in breaking if w in _CLASSES)
        }
    )
    if found:
        warnings.warn(
            f"{', '.join(found)}: these do not commute with the sanitizer of this release "
            "(manifest: training.breaking_transforms); the network sees values that no image has",
            stacklevel=3,
        )


def _parts(transform: Any) -> Iterator[Any]:
    yield transform
    for name in ("transforms", "transform"):
        inner = getattr(transform, name, None)
        for part in inner if isinstance(inner, list | tuple) else [inner] if inner else []:
            yield from _parts(part)
