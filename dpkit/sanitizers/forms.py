"""The forms of a key's cores that products need: float32 to morph, the inverse to restore.

A key is used for thousands of tiles, so both are kept for the last two keys: converting or
inverting per call would cost more than the product.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Key


@lru_cache(maxsize=2)
def cores32(key: Key) -> NDArray[np.float32]:
    """Return the cores as float32 [1 or κ,q,q]."""
    return _stacked(key).astype(np.float32)


@lru_cache(maxsize=2)
def inverses(key: Key, *, is_orthogonal: bool) -> NDArray[np.float64]:
    """Return the inverse of each core as float64 [1 or κ,q,q]."""
    core = _stacked(key)
    if is_orthogonal:
        return core.swapaxes(1, 2)
    return np.asarray(np.linalg.inv(core), dtype=np.float64)


def _stacked(key: Key) -> NDArray[Any]:
    core = key.array("core")
    return core.reshape(-1, *core.shape[-2:])
