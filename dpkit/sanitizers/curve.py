"""The curve of a training, as a key keeps it: `curve` float32 [epochs,columns], `kept` int64 [2].

`kept` has the number of the epoch that counts, from 1, and how many images decided it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.types.training_curve import TrainingCurve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Key

CURVE: Final = "curve"
KEPT: Final = "kept"


def curve_arrays(
    curve: NDArray[np.float32], best_epoch: int, deciding: int
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a key; `best_epoch` counts from 0."""
    return {CURVE: curve, KEPT: np.array([best_epoch + 1, deciding], np.int64)}


def curve_of(key: Key, columns: tuple[str, ...]) -> TrainingCurve:
    """Return the curve that a key keeps."""
    kept, deciding = (int(number) for number in key.array(KEPT))
    epochs = tuple(tuple(float(x) for x in epoch) for epoch in key.array(CURVE))
    return TrainingCurve(columns, epochs, kept, deciding)
