"""Data morphing: MoLe's claims for one release, each judged, and how many known images open it.

The numbers themselves, their symbols and equations stand in `bounds.py`; besides them:

    D-T      q pairs       pairs of a block and its image, to solve for the core

The first layer is unknown when a release is made. It is taken as the paper's own: β = 64, padded,
stride 1, so n² = hw.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.leakage.bounds import (
    largest_kappa,
    log2_guess_core,
    log2_rest_of_core,
    log10_channel_orders,
)
from dpkit.types.bound import Bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Geometry, Json

CHANNELS: Final = 64  # β of VGG-16's first layer, the paper's section 5
_LOG10_2: Final = math.log10(2)
_ONLY_IF_HANDED_OVER: Final = (
    "It matters only if the matrix C^ac is handed over; this release does not hold it."
)


def morph_bounds(parameters: Mapping[str, Json], geometry: Geometry) -> tuple[Bound, ...]:
    """Return MoLe's claims for one parameter set, each with the reason where it fails.

    Raises
    ------
    UsageError
        `kappa` is not a whole number that divides αhw.
    """
    q = _core_size(parameters, geometry)
    return (
        _brute_force(q),
        _largest_kappa(q, geometry),
        _one_channel(q, geometry),
        _channel_order(CHANNELS),
        _pairs(q, known_images(parameters, geometry) or q),
    )


def known_images(parameters: Mapping[str, Json], geometry: Geometry) -> int | None:
    """Return how many known images open a whole release; None for sanitizers without κ.

    Each image gives a core as many pairs as there are blocks that share it: ⌈q/κ⌉ images for
    one shared core, q for distinct ones. Where values are interleaved, nobody who does not know
    the scatter can lay these pairs upon one another, and q are needed for either.
    """
    if "kappa" not in parameters:
        return None
    q = _core_size(parameters, geometry)
    if parameters.get("cores", "shared") != "shared" or parameters.get("interleave", False):
        return q
    return -(-q * q // geometry.elements)  # ⌈q/κ⌉, as κ = N/q


def known_images_sentence(parameters: Mapping[str, Json], geometry: Geometry, images: int) -> str:
    """Say how many known images of `images` open all of them; empty where that is not known."""
    known = known_images(parameters, geometry)
    if known is None:
        return ""
    whose = "one core for the whole image"
    if parameters["kappa"] != 1:
        shared = parameters.get("cores", "shared") == "shared"
        whose = "one core shared by all blocks" if shared else "a core for each block"
    if known >= images:
        return (
            f"With {whose}, {known:,} known images open all of them; this release has {images:,}, "
            "and far fewer already show what the others look like"
        )
    noun, verb = ("image", "opens") if known == 1 else ("images", "open")
    return f"With {whose}, {known:,} known {noun} of {images:,} {verb} all of them"


def _core_size(parameters: Mapping[str, Json], geometry: Geometry) -> int:
    kappa = parameters["kappa"]
    if not isinstance(kappa, int) or isinstance(kappa, bool) or kappa < 1:
        raise UsageError(f"kappa {kappa!r} is not a whole number from 1")
    if geometry.elements % kappa:
        raise UsageError(
            f"kappa {kappa} does not divide the {geometry.elements} values of an image"
        )
    return geometry.elements // kappa


def _brute_force(q: int) -> Bound:
    return _probability(
        name="Guessing the core",
        equation="Eq. 10",
        claim="Nobody can guess the core, so nobody can undo the morphing.",
        value=f"2^-{q * q:,}",
        log2=log2_guess_core(q),
        reason="Nobody has to guess. Morphing is linear: every known image gives equations for the "
        "core, and they are solved, not searched. The number counts only blind guesses.",
    )


def _largest_kappa(q: int, geometry: Geometry) -> Bound:
    kappa, positions = geometry.elements // q, geometry.height * geometry.width
    limit = largest_kappa(geometry.elements, positions)
    above = (
        f"κ = {kappa:,} is above the limit, so by the paper's own condition C^ac must not be "
        "handed over. "
        if kappa > limit
        else "The condition is met, and does not help: it counts the equations of one output "
        "channel. "
    )
    return Bound(
        name="Largest number of blocks",
        equation="Eq. 13",
        claim=f"For κ up to {limit:,} the matrix C^ac does not give the core away.",
        value=f"κ ≤ {limit:,}; here {kappa:,}",
        log2=None,
        log10=None,
        unit="blocks",
        holds=False,
        reason=f"{above}C^ac holds all channels, and with the first layer the inverse of the core "
        f"follows from it by least squares. {_ONLY_IF_HANDED_OVER}",
    )


def _one_channel(q: int, geometry: Geometry) -> Bound:
    positions = geometry.height * geometry.width
    log2 = log2_rest_of_core(q, positions)
    return _probability(
        name="Guessing the rest of the core",
        equation="Eq. 14",
        claim="What C^ac leaves open of the core is too much to guess.",
        value=f"2^-{-log2:,.0f}" if log2 else "1 (nothing is left to guess)",
        log2=log2,
        reason="It counts the equations of a single output channel; C^ac holds those of all "
        f"channels, and together they determine the core. {_ONLY_IF_HANDED_OVER}",
    )


def _channel_order(channels: int) -> Bound:
    log10 = log10_channel_orders(channels)
    exponent = math.floor(log10)
    return _probability(
        name="Guessing the order of the channels",
        equation="P_r,bf",
        claim="The secret order of the output channels protects the core.",
        value=f"1/{channels}! = {10 ** (log10 - exponent):.1f}e{exponent}",
        log2=log10 / _LOG10_2,
        reason="The order is not needed to be guessed: morphing leaves the leverage score of every "
        "column unchanged, so comparing C^ac with the first layer gives the order at once. "
        f"{_ONLY_IF_HANDED_OVER}",
    )


def _pairs(q: int, known: int) -> Bound:
    exact = (
        f"Each image gives several pairs, because its blocks share one core: {known:,} known "
        "images are enough, not the number in the claim. "
        if known < q
        else "The number is right for an exact solution, and says little about safety. "
    )
    return Bound(
        name="Known pairs",
        equation="D-T pairs",
        claim=f"Whoever knows fewer than {q:,} images cannot solve for the core.",
        value=f"{q:,} claimed; {known:,} needed",
        log2=None,
        log10=None,
        unit="images",
        holds=False,
        reason=f"{exact}Pictures can be recognised long before the solution is exact: with "
        "photographs of 32x32 pixels at κ = 1, a tenth of the number gave a mean SSIM of 0.71.",
    )


def _probability(
    *, name: str, equation: str, claim: str, value: str, log2: float, reason: str
) -> Bound:
    return Bound(
        name=name,
        equation=equation,
        claim=claim,
        value=value,
        log2=log2,
        log10=log2 * _LOG10_2,
        unit="probability",
        holds=False,
        reason=reason,
    )
