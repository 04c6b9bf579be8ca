"""What morphing leaves of each image that can be compared with an original.

    symbol   here        meaning
    T, D     blocks      blocks of released images or of originals, [n,κ,q]
    ℓ        leverages   diagonal of T (T^T T)⁻¹ T^T, one a block: that of D for any invertible core
    |T_b|    lengths     of blocks: that of D_b for an orthogonal core

Leverages (Mahalanobis lengths about zero) belong to a set: they are equal where both sets hold the
same images, and only alike where one holds others too, the more images the more alike. Where pixels
were scattered before they were cut, no block of an original can be compared, but a whole image can:
scatter and cores together are one invertible map.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.morphed import by_core, cut, unrolled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

RANK: Final = 1e-6  # of the largest singular value; float32 leaves nothing certain below
LARGEST_CORE: Final = 4_096  # q; a singular value decomposition of q x q is computed
SPARE: Final = 1.5  # blocks under a core, in its q, before leverages say anything
_TINY: Final = 1e-12


def signature_kind(view: AdversaryView) -> str:
    """Return `lengths` or `leverages`, or why there is neither, in words with a space."""
    if view.core == "orthogonal":
        return "lengths"
    if view.is_interleaved and view.kappa > 1:
        return _whole_kind(view)
    per_core = len(view.values) * (view.kappa if view.cores == "shared" else 1)
    if view.core_size > LARGEST_CORE:
        return f"blocks of {view.core_size} values are above {LARGEST_CORE}"
    if per_core < SPARE * view.core_size:
        return f"{per_core} blocks a core are too few for blocks of {view.core_size} values"
    return "leverages"


def _whole_kind(view: AdversaryView) -> str:
    """Return the same where only whole images can be compared."""
    pixels = view.geometry.elements
    if pixels > LARGEST_CORE:
        return f"pixels were scattered, and whole images of {pixels} are above {LARGEST_CORE}"
    needed = math.ceil(SPARE * pixels)
    if min(len(view.values), len(view.gallery) if view.gallery is not None else 0) < needed:
        return f"pixels were scattered: whole images tell something from {needed} originals on"
    return "leverages"


def signatures(view: AdversaryView, *, is_same_set: bool = False) -> tuple[Matrix, Matrix]:
    """Return signatures of the wanted rows [wanted,s] and of the gallery [g,s], logarithms.

    Parameters
    ----------
    is_same_set
        Whether the gallery is known to hold the wanted rows and nothing else.
    """
    gallery = view.gallery
    if gallery is None:
        raise ValueError("no gallery")
    plain = unrolled(view, gallery)
    if view.core == "orthogonal":
        released = view.targets.reshape(len(view.targets), -1).astype(np.float64)
        if view.is_interleaved:
            return _lengths(released[:, None]), _lengths(plain[:, None])
        shaped = plain.reshape(-1, *view.values.shape[1:])
        return _lengths(cut(view, view.targets)), _lengths(cut(view, shaped))
    among = view.targets if is_same_set else view.values
    if view.is_interleaved and view.kappa > 1:
        released = among.reshape(len(among), -1).astype(np.float64)
        found = _leverages_of([released])[: len(view.targets)]
        return found, _leverages_of([plain.reshape(len(plain), -1)])
    shaped = plain.reshape(-1, *view.values.shape[1:])
    found = _leverages(view, cut(view, among))[: len(view.targets)]
    return found, _leverages(view, cut(view, shaped))


def distances(found: Matrix, gallery: Matrix) -> Matrix:
    """Return squared distances of signatures, [wanted,g]."""
    squares = (found**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * found @ gallery.T, 0), dtype=np.float64)


def _lengths(blocks: Matrix) -> Matrix:
    return np.asarray(np.log(np.linalg.norm(blocks, axis=2) + _TINY), dtype=np.float64)


def _leverages(view: AdversaryView, blocks: Matrix) -> Matrix:
    """Return the logarithm of leverages times blocks, [n,κ]."""
    stacked = _leverages_of(by_core(view, blocks))
    return stacked.reshape(blocks.shape[:2])


def _leverages_of(groups: Iterable[Matrix]) -> Matrix:
    """Return the same of groups of rows [m,q] under one core each, [m,groups]."""
    found = []
    for group in groups:
        left, values, _ = np.linalg.svd(group, full_matrices=False)
        kept = left[:, values > RANK * values[0]]
        found.append(np.log((kept**2).sum(axis=1) * len(group) + _TINY))
    return np.stack(found, axis=1)
