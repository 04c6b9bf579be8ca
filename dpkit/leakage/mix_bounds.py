"""Block mixing: how much of an image stays in place, and its paper's claim, judged.

Xiang, Li, Ren, Zhu and Choo, "A Lightweight Privacy-Preserving Scheme Using Label-based Pixel
Block Mixing for Image Classification in Deep Learning" (arXiv 2105.08876).

    symbol    here           meaning
    Lb, Wb    Lb, Wb         height and width of a block in pixels
    N_b       blocks         blocks of an image (Eq. 6)
    N_t       Nt             rounds; each may replace any block by the donor's at the same place
    p         p_replace      probability that a round replaces a block
    -         (1 - p)^N_t    probability that no round replaces it
    1/(N_b!)^N               the claimed probability of restoring N images (Eqs. 8, 9)

Rule: an image without a replaced block is drawn again. Given that, the expected share of blocks
in place is s (1 - s^(B-1)) / (1 - s^B), with s = (1 - p)^N_t and B = N_b.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.leakage.bounds import log_arrangements
from dpkit.types.bound import Bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Geometry, Json

_LN_2: Final = math.log(2)
_LN_10: Final = math.log(10)


def mix_bounds(parameters: Mapping[str, Json], geometry: Geometry) -> tuple[Bound, ...]:
    """Return the paper's claim with the reason why it fails, and the expected unchanged share.

    Raises
    ------
    UsageError
        A parameter is no number of the range that mixing takes.
    """
    return _restoring(parameters, geometry), _expected_share(parameters, geometry)


def blocks_of(parameters: Mapping[str, Json], geometry: Geometry) -> int:
    """Return N_b, the blocks of an image; those cut short at its edges count as blocks."""
    rows = -(-geometry.height // _whole(parameters, "Lb"))
    columns = -(-geometry.width // _whole(parameters, "Wb"))
    return rows * columns


def expected_unchanged(parameters: Mapping[str, Json], geometry: Geometry) -> float:
    """Return the expected share of a mixed image, 0 to 1, that is its own original in place.

    Where a donor happens to have the same pixels, more than that is unchanged.
    """
    blocks, stays = blocks_of(parameters, geometry), _stays(parameters)
    return (stays - stays**blocks) / (1 - stays**blocks)


def percent(share: float) -> str:
    """Return a share as text with three digits that count."""
    return f"{100 * share:.3g} %"


def _whole(parameters: Mapping[str, Json], name: str) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} {value!r} is not a whole number from 1")
    return value


def _stays(parameters: Mapping[str, Json]) -> float:
    """Return (1 - p)^N_t."""
    p, rounds = parameters.get("p_replace"), _whole(parameters, "Nt")
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 < p <= 1 or 1 - p == 1:
        raise UsageError(f"p_replace {p!r} is not a probability above 0")
    return float((1 - p) ** rounds)


def _restoring(parameters: Mapping[str, Json], geometry: Geometry) -> Bound:
    blocks, share = blocks_of(parameters, geometry), expected_unchanged(parameters, geometry)
    log = log_arrangements(blocks)
    own = (
        f"{percent(share)} of an image are expected to be its own"
        if share
        else "each shows a piece of an original as it is"
    )
    return Bound(
        name="Restoring by search",
        equation="Eqs. 8, 9",
        claim="Nobody can find out how the blocks were mixed, so nobody can restore an image.",
        value=f"1/{blocks:,}! = 10^{log / _LN_10:,.1f} an image; to the power of N for N images",
        log2=log / _LN_2,
        log10=log / _LN_10,
        unit="probability",
        holds=False,
        reason=f"Nobody has to search. Blocks never move: each stays at its place, and {own}. "
        "The number counts orders of the blocks inside an image, which are not changed. What is "
        "exchanged are the blocks at one place among the N_C images of a label, so the "
        f"arrangements would be (N_C!)^{blocks:,}; and to recognise one image none of them is "
        "needed.",
    )


def _expected_share(parameters: Mapping[str, Json], geometry: Geometry) -> Bound:
    blocks, share = blocks_of(parameters, geometry), expected_unchanged(parameters, geometry)
    return Bound(
        name="Expected unchanged share",
        equation="(1 − p)^N_t",
        claim="This much of a mixed image is expected to be its own original, in place.",
        value=f"{percent(share)} of {blocks:,} blocks",
        log2=math.log(share) / _LN_2 if share else None,
        log10=math.log(share) / _LN_10 if share else None,
        unit="probability",
        holds=True,
        reason=f"It follows from the method: at p = {parameters['p_replace']} and N_t = "
        f"{parameters['Nt']} the probability that no round replaces a block is "
        f"{_stays(parameters):.3g}; an image without a replaced block is drawn again, and the "
        "number allows for that. Where a donor has the same pixels, such as a black border, more "
        "is unchanged.",
    )
