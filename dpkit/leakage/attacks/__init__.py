"""ATTACKS: what an adversary can do with what it was handed. One file and one line each.

An attack sees an `AdversaryView` and nothing else; originals serve for scoring alone
(`scoring.py`). Each has a page, docs/attacks/<name>.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks import channel_order, decode, features
from dpkit.leakage.attacks.attack import Attack

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOTH: Final = "C^ac and the developer's first layer"

ATTACKS: Final[Mapping[str, Attack]] = {
    attack.name: attack
    for attack in (
        Attack("features", "A5", "C^ac", features.run),
        Attack("channel-order", "A4", _BOTH, channel_order.run),
        Attack("decode", "A4", _BOTH, decode.run),
    )
}
