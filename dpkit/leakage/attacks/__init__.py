"""ATTACKS: what an adversary can do with what it was handed. One file and one line each.

An attack sees an `AdversaryView` and nothing else; originals serve for scoring alone
(`scoring.py`). Each has a page, docs/attacks/<name>.md. The order is the order in which they are
tried: the cheapest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks import (
    block_brightness,
    channel_order,
    decode,
    deconvolution,
    features,
    intersection,
    mlp,
    repeated_blocks,
    ridge_maps,
    unet,
    white_box,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.leakage.attacks.attack import Attack

ATTACKS: Final[Mapping[str, Attack]] = {
    module.ATTACK.name: module.ATTACK
    for module in (
        block_brightness,
        repeated_blocks,
        features,
        channel_order,
        decode,
        ridge_maps,
        mlp,
        deconvolution,
        unet,
        white_box,
        intersection,
    )
}
