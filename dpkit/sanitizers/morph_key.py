"""The key of `Morph`: what it is drawn from, and the draws."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from dpkit.rng import Stream, derive
from dpkit.sanitizers.base import parameters
from dpkit.types import Key

if TYPE_CHECKING:
    from dpkit.sanitizers.morph import Morph
    from dpkit.types import Geometry, Secret


def public_text(morph: Morph, geometry: Geometry) -> bytes:
    """Return parameters and geometry as canonical JSON: what a draw depends on beside the seed.

    What was not there when the first keys were drawn is left out where it is not used: these keys
    stay the same.
    """
    said = parameters(morph)
    unused = {
        "blocks": morph.blocks != "patch", "condition": morph.core != "bounded",
        "interleave": not morph.interleave, "dither": not morph.dither,
    }  # fmt: skip
    for name in (name for name in unused if unused[name]):
        del said[name]
    public = {"parameters": said, "geometry": asdict(geometry)}
    return json.dumps(public, sort_keys=True, separators=(",", ":")).encode()


def draw_key(morph: Morph, geometry: Geometry, seed: Secret) -> Key:
    """Draw cores, and the scatter where values are interleaved; `Morph.fit` says how they are kept.

    The parameters must fit the geometry.
    """
    from dpkit.sanitizers.cores import draw_cores, law_of  # noqa: PLC0415 (loads numba, not for --help)

    public, q = public_text(morph, geometry), morph.core_size(geometry)
    secret = derive(seed, "morph core", public)
    drawn = draw_cores(law_of(morph.core, morph.condition), secret, (morph.core_count, q))
    core = drawn.core if morph.cores == "distinct" else drawn.core[0]
    key = Key(seed, {"core": core, "condition": drawn.condition, "draws": drawn.draws})
    if not morph.interleave:
        return key
    scatter = Stream(derive(seed, "morph interleave", public))
    return key.with_arrays({"places": scatter.permutation(geometry.elements)})
