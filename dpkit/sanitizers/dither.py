"""Dither: less than half a grey level of noise on every pixel, before an image is morphed.

    symbol   here        meaning
    u        the draw    uniform within ± AMPLITUDE grey levels, one for each value of D^r
    D        D^r + u     what is morphed; rounding to whole levels removes u again

Equal images, and images that differ by whole grey levels, then have unequal differences: T holds
no lattice of grey levels, and no exact twins. It hides no picture: it is 59 dB below it.

Each image's draws are a ChaCha20 stream of its own, under HKDF of the data key for the purpose
`morph dither`, the public parameters, the image's published id and its pixels. The same image
under the same key and id always gets the same noise, so that two releases cannot be averaged.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.rng import Stream, derive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import Secret

# Below 1/2 by more than the error of float32 values under a bounded core, so that restored
# pixels are rounded to their own level.
AMPLITUDE: Final = 0.498
_STEPS: Final = 2**16  # values that a draw can have


def draw_dither(
    seed: Secret, public: bytes, rows: tuple[NDArray[np.bytes_], NDArray[Any]]
) -> NDArray[np.float32]:
    """Draw the noise of each image in grey levels, float32 [n,αhw], each within ± AMPLITUDE.

    It follows from `seed`, the `public` parameters and the row itself, not from its neighbours.

    Parameters
    ----------
    rows
        Ids S26 [n] and pixels u8 or u16 [n,h,w,c].
    """
    ids, pixels = rows
    words = np.empty((len(pixels), math.prod(pixels.shape[1:])), "<u2")
    for row, name, image in zip(words, ids, pixels, strict=True):
        digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
        secret = derive(seed, "morph dither", public, bytes(name), digest)
        Stream(secret).fill(row.view(np.uint8))
    noise = words.astype(np.float32)
    noise += np.float32(0.5 - _STEPS / 2)
    noise *= np.float32(2 * AMPLITUDE / _STEPS)
    return noise
