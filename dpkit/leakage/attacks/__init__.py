"""ATTACKS: what an adversary can do with what it was handed. One file and one line each.

An attack sees an `AdversaryView` and nothing else; originals serve for scoring alone
(`scoring.py`). Each has a page, docs/attacks/<name>.md. The order is the order in which they are
tried: the cheapest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks import (
    block_brightness,
    chained,
    channel_order,
    class_moments,
    decode,
    deconvolution,
    donor_outlier,
    features,
    intersection,
    jigsaw,
    known_pairs,
    linkage,
    mlp,
    one_channel,
    one_grey_level,
    owner,
    re_identify,
    repeated_blocks,
    ridge_maps,
    second_order,
    small_seed,
    smooth_pixels,
    spectrum,
    survivors,
    unet,
    unordered_set,
    versions,
    view,
    white_box,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.leakage.attacks.attack import Attack

ATTACKS: Final[Mapping[str, Attack]] = {
    module.ATTACK.name: module.ATTACK
    for module in (
        view,
        survivors,
        owner,
        versions,
        block_brightness,
        repeated_blocks,
        linkage,
        one_grey_level,
        small_seed,
        features,
        channel_order,
        intersection,
        one_channel,
        decode,
        second_order,
        chained,
        smooth_pixels,
        re_identify,
        class_moments,
        spectrum,
        donor_outlier,
        jigsaw,
        known_pairs,
        unordered_set,
        ridge_maps,
        mlp,
        deconvolution,
        unet,
        white_box,
    )
}
