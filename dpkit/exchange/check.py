"""How exact a sealed layer is: its features beside the convolution of the originals in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.blocks import Routes, multiply
from dpkit.release.augconv import matrix_name
from dpkit.types import block_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.augconv import AugConvPlan
    from dpkit.exchange.morphed import Morphed
    from dpkit.keystore.sealed import SealedObject

_BYTES_AT_ONCE: Final = 2**23  # 8 MiB of a matrix


def feature_error(sealed: SealedObject, plan: AugConvPlan, morphed: Morphed, images: int) -> float:
    """Return ‖F − conv(D)‖ / ‖conv(D)‖ over some images of the release.

    F are the features that the sealed matrices give of the released values; D is restored from
    these values in float64, and convolved in float64 with the kernels in their secret order.
    """
    sampled = morphed.sample(images)
    values = sampled.reshape(len(sampled), -1)
    places = block_places(plan.blocks, plan.kappa, plan.layer.input_shape)
    restored = np.empty(values.shape)
    routes = Routes(places.reshape(-1), places.reshape(-1))
    multiply(values.astype(np.float64), morphed.inverses(), restored, routes)
    expected = _convolved(plan, restored)
    found = _features(sealed, plan, values, places)
    size = float(np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected)) / size if size else 0.0


def _features(
    sealed: SealedObject, plan: AugConvPlan, values: NDArray[Any], places: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the features without bias, float32 [n,β,n_h,n_w], opening a few rows at a time."""
    features = np.zeros((len(values), *plan.layer.output_shape), np.float32)
    for number in range(len(plan.reaches)):
        blocks = np.flatnonzero(plan.matrix_of == number)
        q, maps, high, wide = plan.shape(number)
        step = max(1, _BYTES_AT_ONCE // (4 * maps * high * wide))
        for start in range(0, q, step):
            rows = sealed.array(matrix_name(number), start, start + step).astype(np.float32)
            for block in blocks:
                of_block = values[:, places[block, start : start + step]]
                y, x = plan.windows[block]
                product = of_block @ rows.reshape(len(rows), -1)
                part = features[:, :, y : y + high, x : x + wide]
                part += product.reshape(part.shape)
    return features


def _convolved(plan: AugConvPlan, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    # torch loads here, for a command that has loaded it by now
    from dpkit.kernels.convmatrix import convolution  # noqa: PLC0415 (see above)

    layer = plan.layer  # of one group, as it was shuffled
    steps = (layer.stride, layer.dilation)
    images = rows.reshape(-1, *layer.input_shape)
    return convolution(images, layer.weight.astype(np.float64), layer.padding, steps)
