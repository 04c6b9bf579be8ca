"""BOUNDS: for each sanitizer what its paper claims, computed for one release and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.mix_bounds import mix_bounds
from dpkit.leakage.morph_bounds import morph_bounds
from dpkit.leakage.pixelate_bounds import pixelate_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dpkit.types import Geometry, Json
    from dpkit.types.bound import Bound

BOUNDS: Final[Mapping[str, Callable[[Mapping[str, Json], Geometry], tuple[Bound, ...]]]] = {
    "morph": morph_bounds,
    "mix": mix_bounds,
    "pixelate": pixelate_bounds,
}
