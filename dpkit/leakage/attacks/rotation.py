"""What attacks by pictures of the same kind share: rows of one core, whitening, rotations.

symbol   here            meaning
D, T     rows            blocks of images, public or released, one a row [·,q]
Σ^-½     `Whitening`     what gives rows unit covariance
R        rotation        orthogonal [q,q], released rows to public ones
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.types import block_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView, PublicImages

    Matrix = NDArray[np.float64]
    Places = NDArray[np.int64]

LEAST_SHARE: Final = 1e-4  # of the largest variance: what is smaller counts as noise


def same_kind(view: AdversaryView) -> PublicImages:
    """Return public pictures of the release's own kind, or raise `UsageError`."""
    if reason := lacks_same_kind(view):
        raise UsageError(f"this attack {reason}")
    if view.public is None:
        raise UsageError("the view has no public pictures")
    return view.public


def lacks_same_kind(view: AdversaryView) -> str:
    """Say that pictures of the release's own kind are missing; empty where they are not."""
    if view.public is None or view.public.kind != "same":
        return "needs public pictures of the release's own kind, and the view has none"
    return ""


def places_by_core(view: AdversaryView) -> list[Places]:
    """Return, for each core, where the values of its blocks stand, int64 [blocks,q] each.

    A secret scatter over several blocks leaves no block known: the image is then one block of N,
    under one core of N x N.
    """
    shape = (view.geometry.channels, view.geometry.height, view.geometry.width)
    if view.is_interleaved:
        return [np.arange(view.geometry.elements)[None]]
    places = block_places(view.blocks, view.kappa, shape)
    return [places] if view.cores == "shared" else [of_core[None] for of_core in places]


def unrolled(view: AdversaryView, pixels: NDArray[np.generic]) -> Matrix:
    """Return pictures [p,h,w,c] in grey levels as D, float64 [p,αhw]."""
    scale, bias = view.affine
    normalised = pixels.astype(np.float64) * scale + bias
    rows = np.moveaxis(normalised, -1, 1).reshape(len(pixels), -1)
    return np.asarray(rows, dtype=np.float64)


def rows_at(images: Matrix, places: Places) -> Matrix:
    """Return the blocks of images [n,αhw] at places [blocks,q], float64 [n·blocks,q]."""
    return images[:, places].reshape(-1, places.shape[1])


@dataclass(frozen=True, slots=True)
class Whitening:
    """A mean and the two roots of a covariance.

    Parameters
    ----------
    mean
        [q].
    inverse_root, root
        Σ^-½ and Σ^½, symmetric [q,q]; no variance counts for less than a share of the largest.
    """

    mean: Matrix
    inverse_root: Matrix
    root: Matrix

    @classmethod
    def of(cls, mean: Matrix, covariance: Matrix, least_share: float) -> Whitening:
        """Take a mean [q] and a covariance [q,q]."""
        variances, vectors = np.linalg.eigh(covariance)
        roots = np.sqrt(np.maximum(variances, max(least_share * variances[-1], 1e-300)))
        return cls(mean, (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T)

    def whitened(self, rows: Matrix) -> Matrix:
        """Return rows [·,q] without mean and covariance."""
        return np.asarray((rows - self.mean) @ self.inverse_root, dtype=np.float64)

    def coloured(self, rows: Matrix) -> Matrix:
        """Return rows [·,q] with them: the inverse of `whitened`."""
        return np.asarray(rows @ self.root + self.mean, dtype=np.float64)


def nearest_rotation(matrix: Matrix) -> Matrix:
    """Return the orthogonal matrix nearest to a matrix [q,q] (Procrustes)."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right, dtype=np.float64)
