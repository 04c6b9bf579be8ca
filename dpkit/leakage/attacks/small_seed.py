"""A core drawn from a small seed is found by drawing them all.

    symbol   here     meaning                                                MoLe
    M′       core     what numpy's generators draw from a seed [q,q]         Eq. 4
    T        block    one released block; T M′⁻¹ is whole grey levels        Eq. 2

Shen et al. (MoLe), arXiv 1909.07632, whose published code draws the core from numpy. Keys of dpkit
come from 256 bits of the operating system; a release is attacked where its public parameters state
`seed_bits`. Tried for each seed: both numpy generators (PCG64, and the older Mersenne twister), the
release's own law, elements of variance 1 or 1/q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.decode import pixels
from dpkit.leakage.attacks.morphed import by_core, cut, joined, places_of
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Drawing = Callable[[int, tuple[int, ...]], Matrix]

MOST_BITS: Final = 32  # of a seed
LARGEST_CORE: Final = 512  # q; one solve of q x q a seed
WHOLE: Final = 0.2  # how far from whole numbers levels may lie
NEARLY_ALL: Final = 0.95


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Draw the core of every seed until one makes a block whole grey levels."""
    watch = Stopwatch()
    blocks = cut(view, view.targets)
    brightest = int((blocks[:, 0] ** 2).sum(axis=1).argmax())
    tried = 0
    for tried in range(1, 2 ** _bits(view) + 1):
        effort.check()
        for cores in _draws(view, tried - 1):
            if not _is_whole(view, blocks[brightest, 0], cores[0]):
                continue
            opened = np.stack(
                [np.linalg.solve(core.T, group.T).T
                 for core, group in zip(cores, by_core(view, blocks), strict=True)]
            )  # fmt: skip
            shaped = opened.reshape(blocks.shape) if len(cores) == 1 else opened.transpose(1, 0, 2)
            return Reconstruction(
                "small-seed", pixels(view, joined(view, shaped)), {"tried": float(tried)},
                watch.seconds, f"Seed {tried - 1} makes the released blocks whole grey levels.",
                finding="the seed of the key",
            )  # fmt: skip
    return Reconstruction(
        "small-seed", None, {"tried": float(tried)}, watch.seconds,
        f"None of {tried} seeds makes a released block whole grey levels.",
    )  # fmt: skip


def _draws(view: AdversaryView, seed: int) -> Iterator[Matrix]:
    """Yield the cores [1 or κ,q,q] that a seed gives under each generator and scale."""
    q = view.core_size
    shape = (view.kappa if view.cores == "distinct" else 1, q, q)
    for draw in _drawings(view.core):
        drawn = draw(seed, shape)
        if view.core == "orthogonal":
            yield np.linalg.qr(drawn)[0]
            continue
        yield drawn
        yield drawn / np.sqrt(q)


def _drawings(law: str) -> tuple[Drawing, ...]:
    if law == "uniform":
        return (
            lambda seed, shape: np.random.default_rng(seed).random(shape),
            lambda seed, shape: np.random.RandomState(seed).random_sample(shape),
        )
    return (
        lambda seed, shape: np.random.default_rng(seed).standard_normal(shape),
        lambda seed, shape: np.random.RandomState(seed).standard_normal(shape),
    )


def _is_whole(view: AdversaryView, block: Matrix, core: Matrix) -> bool:
    """Say whether a block [q] opens to whole grey levels, not all black, within the range."""
    scale, bias = (part[_channels(view)] for part in view.affine)
    levels = (np.linalg.solve(core.T, block) - bias) / scale
    nearest = np.rint(levels)
    fits = (np.abs(levels - nearest) < WHOLE) & (nearest >= 0) & (nearest <= view.geometry.peak)
    return bool(fits.mean() >= NEARLY_ALL and nearest.any())


def _channels(view: AdversaryView) -> NDArray[np.int64]:
    """Return the channel of each value of the first block, [q]."""
    area = view.geometry.height * view.geometry.width
    return np.asarray(places_of(view)[0] // area, dtype=np.int64)


def _bits(view: AdversaryView) -> int:
    bits = view.parameters.get("seed_bits")
    return bits if isinstance(bits, int) and 0 < bits <= MOST_BITS else 0


def unfit(view: AdversaryView) -> str:
    """Say that nothing states a small seed, or that it cannot be tried."""
    if not _bits(view):
        return "keys come from 256 bits of the operating system"
    if view.is_interleaved:
        return "how the seed scatters pixels is not stated"
    if view.core_size > LARGEST_CORE:
        return f"blocks of {view.core_size} values are above {LARGEST_CORE}: too slow a seed"
    return ""


ATTACK: Final = Attack(
    name="small-seed",
    title="Every seed of a small generator",
    rung="A1",
    needs="the released images",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    gives_key=True,
)
