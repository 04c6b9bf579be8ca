"""A sanitizer's key as a sealed object, and back.

Sealed arrays: `seed` u8 [32] and what the sanitizer's `fit` made. Settings: everything that a
later batch under the same key must agree with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpkit.types import Key, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.keystore.sealed import SealedObject
    from dpkit.keystore.store import Keystore
    from dpkit.types import Json

SEED = "seed"


def seal_key(keystore: Keystore, key: Key, settings: Mapping[str, Json]) -> str:
    """Put a key into the keystore and return its id."""
    seed = np.frombuffer(key.seed.reveal(), dtype=np.uint8)
    arrays = {name: key.array(name) for name in key.names()}
    return keystore.put("key", settings, {SEED: seed, **arrays})


def open_key(sealed: SealedObject) -> Key:
    """Return the key that a sealed object holds."""
    arrays = {name: sealed.array(name) for name in sealed.names() if name != SEED}
    return Key(Secret(sealed.array(SEED).tobytes()), arrays)
