"""What products take of the key of `Morph`: its cores, and where blocks take their values.

Cores are float32 to morph, and inverted to restore. Both forms are kept as long as the key is:
converting or inverting per call would cost more than the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UnlockError
from dpkit.sanitizers.per_key import once_per_key
from dpkit.types import block_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.kernels.blocks import Routes
    from dpkit.sanitizers.morph import Morph
    from dpkit.types import Geometry, Key

_REMEDY: Final = "use the key that this release was made with"


@once_per_key
def cores32(key: Key) -> NDArray[np.float32]:
    """Return the cores as float32 [1 or κ,q,q]."""
    return _stacked(key).astype(np.float32)


@once_per_key
def inverses(key: Key, *, is_orthogonal: bool) -> NDArray[np.float64]:
    """Return the inverse of each core as float64 [1 or κ,q,q]."""
    core = _stacked(key)
    if is_orthogonal:
        return core.swapaxes(1, 2)
    return np.asarray(np.linalg.inv(core), dtype=np.float64)


def fitting(morph: Morph, cores: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """Return cores or their inverses, which must be those of these parameters.

    Raises
    ------
    UnlockError
        They are others.
    """
    q = morph.core_size(geometry)
    if cores.shape != (morph.core_count, q, q):
        raise UnlockError(
            f"the key holds cores of shape {cores.shape}, not {(morph.core_count, q, q)}",
            remedy=_REMEDY,
        )
    return cores


def routes_of(morph: Morph, key: Key, geometry: Geometry) -> Routes:
    """Return where blocks take their values, and where their products are laid.

    Raises
    ------
    UnlockError
        Values are to be interleaved, and the key holds no scatter of so many.
    """
    from dpkit.kernels.blocks import STRAIGHT, Routes  # noqa: PLC0415 (loads numba, not for --help)

    if morph.blocks == "patch":
        shape = (geometry.channels, geometry.height, geometry.width)
        places = block_places("patch", morph.kappa, shape).reshape(-1)
        return Routes(places, places)
    if not morph.interleave:
        return STRAIGHT
    if "places" not in key.names() or key.array("places").shape != (geometry.elements,):
        raise UnlockError(f"the key holds no scatter of {geometry.elements} values", remedy=_REMEDY)
    return Routes(taken=key.array("places"))


def _stacked(key: Key) -> NDArray[Any]:
    core = key.array("core")
    return core.reshape(-1, *core.shape[-2:])
