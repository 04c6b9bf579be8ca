"""How bright each block is: the direction in which the released blocks are largest.

    symbol   here        meaning                                       MoLe
    T        blocks      released values, cut into κ blocks of q       Eq. 2
    v        direction   first eigenvector of the mean of T_b T_b^T
    D        levels      mean of a block before morphing

Shen et al. (MoLe), arXiv 1909.07632. Pixels are never negative, so blocks differ most in how bright
they are: T_b is nearly its brightness times the sum of the core's rows, and v is along that sum,
whose length is about √q for the laws with elements of variance 1/q. Elements drawn from (0, 1), the
authors' own, need no direction: a released block's mean is q/2 times the brightness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.morphed import by_core, cut, joined
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

STEPS: Final = 16  # of the power iteration; the second eigenvalue is a tenth of the first
LEAST_SHARE: Final = 0.3  # of the energy along v; with a key an image it is about 1/images


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find the direction of brightness, and what each wanted block has of it."""
    watch = Stopwatch()
    levels, share = brightness(view, effort)
    figures = {"energy_share": share}
    if share < LEAST_SHARE:
        sentence = "The blocks have no direction in common, so none tells their brightness."
        return Reconstruction("block-brightness", None, figures, watch.seconds, sentence)
    wanted = levels[: len(view.targets)]
    what = "each image" if _is_one_level(view) else "each block"
    return Reconstruction(
        "block-brightness",
        grey_pictures(view, wanted),
        figures,
        watch.seconds,
        f"How bright {what} was is read off the released values: {share:.0%} of their energy lies "
        "along one direction.",
        finding="" if _is_one_level(view) else f"how bright {what} is",
    )


def brightness(view: AdversaryView, effort: Effort) -> tuple[Matrix, float]:
    """Return the mean of each block before morphing, [n,κ], and the share of energy along v.

    Levels are those of D, normalisation included, and reach no further than its range. Where the
    pixels were scattered, all blocks of an image get the image's level.
    """
    blocks = cut(view, view.values)
    groups = by_core(view, blocks)
    along, share = _along_first(groups, effort.rng())
    if view.core == "uniform":
        along = 2 / np.sqrt(view.core_size) * groups.mean(axis=2)
    levels = along / np.sqrt(view.core_size)
    levels *= np.where(levels.mean(axis=1, keepdims=True) < 0, -1.0, 1.0)
    of_images = levels.reshape(blocks.shape[:2]) if len(groups) == 1 else levels.T
    if view.is_interleaved:
        of_images = np.repeat(of_images.mean(axis=1, keepdims=True), view.kappa, axis=1)
    scale, bias = view.affine
    top = float((scale * view.geometry.peak + bias).max())
    return of_images * min(1.0, top / max(float(np.abs(of_images).max()), 1e-300)), share


def grey_pictures(view: AdversaryView, levels: Matrix) -> Matrix:
    """Return blocks' levels [n,κ] as pictures in grey levels, [n,h,w,1]."""
    size = (len(levels), view.kappa, view.core_size)
    rows = joined(view, np.broadcast_to(levels[:, :, None], size))
    geometry = view.geometry
    planes = rows.reshape(len(levels), geometry.channels, geometry.height, geometry.width)
    scale, bias = (part[:, None, None] for part in view.affine)
    grey = ((planes - bias) / scale).mean(axis=1)[..., None]
    return np.asarray(np.clip(grey, 0, geometry.peak), dtype=np.float64)


def _along_first(groups: Matrix, rng: np.random.Generator) -> tuple[Matrix, float]:
    """Return each block's part along its group's v, [g,m], and the share of all energy."""
    narrow = groups.astype(np.float32)
    direction = rng.standard_normal((len(groups), groups.shape[2], 1)).astype(np.float32)
    for _ in range(STEPS):
        direction = np.matmul(narrow.transpose(0, 2, 1), np.matmul(narrow, direction))
        length = np.linalg.norm(direction, axis=1, keepdims=True)
        direction = np.divide(direction, length, out=np.zeros_like(direction), where=length > 0)
    along = np.matmul(narrow, direction)[..., 0].astype(np.float64)
    energy = float((groups**2).sum())
    return along, float((along**2).sum()) / energy if energy else 0.0


def _is_one_level(view: AdversaryView) -> bool:
    return view.is_interleaved or view.kappa == 1


ATTACK: Final = Attack(
    name="block-brightness",
    title="Brightness of blocks from their first eigenvector",
    rung="A1",
    needs="the released images",
    sanitizers=("morph",),
    run=run,
    weak={"block": 8, "cores": "shared", "core": "orthogonal", "interleave": False},
    is_quick=True,
)
