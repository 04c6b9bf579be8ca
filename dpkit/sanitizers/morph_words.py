"""What `Morph` says: of its risks, of who can learn from it, of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.types import patch_side

if TYPE_CHECKING:
    from dpkit.sanitizers.morph import Morph
    from dpkit.types import Geometry, Json

_LOOKS_LIKE_ITS_ORIGINAL: Final = 192  # q; up to 32 the paper's Fig. 7 shows SSIM 0.77 and more
_LARGE_KEY: Final = 2**28  # 256 MiB, sealed and held in memory
_MB: Final = 1e6


def notices(morph: Morph, geometry: Geometry) -> list[str]:
    """Warn about small blocks, coarse storage and large keys, and say what interleaving costs."""
    found = []
    if morph.core_size(geometry) < _LOOKS_LIKE_ITS_ORIGINAL:
        found.append(_small_blocks(morph, geometry))
    if morph.interleave:
        found.append(
            "the values are interleaved: convolutions learn little from this release, and no "
            "Aug-Conv can be made for it"
        )
    if morph.core_count > 1 and morph.key_bytes(geometry) > _LARGE_KEY:
        found.append(_large_key(morph, geometry))
    if morph.dtype == "float16" and morph.core != "orthogonal":
        found.append(
            f"float16 with a {morph.core} core restores coarsely: see the measured error in "
            "the report, or choose --core orthogonal or --dtype float32"
        )
    return found


def _small_blocks(morph: Morph, geometry: Geometry) -> str:
    q = morph.core_size(geometry)
    said = f"kappa {morph.kappa} morphs blocks of only {q} values"
    if morph.interleave:
        return f"{said}: about as many known images open the release; a smaller kappa asks for more"
    return (
        f"{said}: the release may still look like the originals; a smaller kappa hides more from "
        "the eye"
    )


def _large_key(morph: Morph, geometry: Geometry) -> str:
    q, size = morph.core_size(geometry), morph.key_bytes(geometry) / _MB
    return (
        f"{morph.kappa} cores of {q}x{q} make a key of {size:,.0f} MB, slow to draw; a kappa of "
        f"{2 * morph.kappa} halves that, if it divides the image"
    )


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
        *_hidden(morph),
        *_cut(morph, geometry),
        f"Each block is multiplied by a secret {_law(morph)} matrix of {q}x{q}; {owners}.",
        f"The products are released as {morph.dtype}, in the image's own shape{_order(morph)}.",
        *_what_it_is(morph),
    ]


def _why(morph: Morph, geometry: Geometry) -> str:
    if morph.interleave:
        return (
            "each value mixes pixels from all over the image, so neighbouring values have nothing "
            "in common; a layer with a map for each block learns, and so does a dense one"
        )
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


def _law(morph: Morph) -> str:
    if morph.core != "bounded":
        return morph.core
    return f"bounded (condition number at most {morph.condition:g})"


def _hidden(morph: Morph) -> list[str]:
    """Say what is done to pixels before they are cut into blocks."""
    dither = "Noise of up to half a grey level, drawn by the key for each image, is added."
    scatter = "The values of an image are scattered: one secret order for all images."
    return [dither] * morph.dither + [scatter] * morph.interleave


def _order(morph: Morph) -> str:
    return ", block after block" if morph.interleave else ""


def _what_it_is(morph: Morph) -> list[str]:
    if not (morph.interleave or morph.dither or morph.core == "bounded"):
        return []
    return ["This is obfuscation: not encryption, and not differential privacy."]


def _cut(morph: Morph, geometry: Geometry) -> list[str]:
    q = morph.core_size(geometry)
    if morph.blocks == "patch":
        side = patch_side(morph.kappa, geometry.height, geometry.width)
        return [f"The image is cut into {morph.kappa} patches of {side}x{side} pixels, {q} values."]
    return [
        *([] if morph.interleave else ["They are unrolled channel by channel, row by row."]),
        f"The row is cut into {morph.kappa} blocks of {q} values.",
    ]
