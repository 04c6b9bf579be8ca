"""What `Morph` says: of its risks, of who can learn from it, of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.types import patch_side

if TYPE_CHECKING:
    from dpkit.sanitizers.morph import Morph
    from dpkit.types import Geometry, Json

_LOOKS_LIKE_ITS_ORIGINAL: Final = 192  # q; up to 32 the paper's Fig. 7 shows SSIM 0.77 and more


def notices(morph: Morph, geometry: Geometry) -> list[str]:
    """Warn about small blocks and coarse storage."""
    q = morph.core_size(geometry)
    found = []
    if q < _LOOKS_LIKE_ITS_ORIGINAL:
        found.append(
            f"kappa {morph.kappa} morphs blocks of only {q} values: the release may still look "
            "like the originals; a smaller kappa hides more from the eye"
        )
    if morph.dtype == "float16" and morph.core != "orthogonal":
        found.append(
            f"float16 with a {morph.core} core restores coarsely: see the measured error in "
            "the report, or choose --core orthogonal or --dtype float32"
        )
    return found


def training(morph: Morph, geometry: Geometry) -> dict[str, Json]:
    """Say what can learn: a layer that maps each block by itself, not a convolution."""
    return {
        "convolutions_learn": False,
        "why": _why(morph, geometry),
        "first_layer": {
            "kind": "block_linear",
            "tokens": morph.kappa,
            "block": morph.core_size(geometry),
            "cores": morph.core_count,
            **({"blocks": "patch"} if morph.blocks == "patch" else {}),
        },
        "breaking_transforms": ["flip", "crop", "rotation", "color"],
    }


def describe(morph: Morph, geometry: Geometry) -> list[str]:
    """Say in sentences what is done to an image."""
    q, shape = morph.core_size(geometry), f"{geometry.height}x{geometry.width}"
    owners = "all blocks share one" if morph.core_count == 1 else "every block has its own"
    return [
        f"The {geometry.channels} x {shape} values of an image are divided by {geometry.peak}.",
        f"They are normalised: {morph.normalize}.",
        *_cut(morph, geometry),
        f"Each block is multiplied by a secret {morph.core} matrix of {q}x{q}; {owners}.",
        f"The products are released as {morph.dtype}, in the image's own shape.",
    ]


def _why(morph: Morph, geometry: Geometry) -> str:
    mixed = (
        "each value mixes a whole block of pixels, so a small kernel finds little in neighbouring "
        "values"
    )
    if morph.blocks != "patch" or morph.core_count > 1:
        return mixed
    side = patch_side(morph.kappa, geometry.height, geometry.width)
    return (
        f"{mixed}; a patch embedding of kernel and stride {side} meets one block each, and learns"
    )


def _cut(morph: Morph, geometry: Geometry) -> list[str]:
    q = morph.core_size(geometry)
    if morph.blocks == "patch":
        side = patch_side(morph.kappa, geometry.height, geometry.width)
        return [f"The image is cut into {morph.kappa} patches of {side}x{side} pixels, {q} values."]
    return [
        "They are unrolled channel by channel, row by row.",
        f"The row is cut into {morph.kappa} blocks of {q} values.",
    ]
