"""The images themselves, once the order of the channels is known.

    symbol   here       meaning                                                   MoLe
    F        features   the features of an image, [β,n_h,n_w]                      Eq. 5
    K        kernels    the developer's kernels in C^ac's order, [αp²,β]           Eq. 1
    M′⁻¹     (key.py)   the inverse of the core                                    Eq. 4

Shen et al. (MoLe), arXiv 1909.07632. Three ways, all least squares:

    key          M′⁻¹ from C^ac, then D = T M⁻¹; for blocks of up to 4,096 values
    1x1          each output gives the pixels that it reads, F K⁺; where K has full row rank
    deconvolve   all outputs together, by conjugate gradients; for the rest, and, with neighbouring
                 pixels held alike, where there are fewer outputs than pixels
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch, layers_of, without_layers
from dpkit.leakage.attacks.channel_order import recover_order
from dpkit.leakage.attacks.channel_order import sentence as say_order
from dpkit.leakage.attacks.columns import ROWS_AT_ONCE_BYTES
from dpkit.leakage.attacks.convolution import kernel_matrix, tap_places
from dpkit.leakage.attacks.features import feature_parts
from dpkit.leakage.attacks.key import LARGEST_CORE, key_equations
from dpkit.types import block_places
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import FirstConv
    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Order = NDArray[np.int64]

WORST_CONDITION: Final = 1e5  # of K: beyond, float32 features say too little one by one
MOST_STEPS: Final = 200
_OPERATIONS: Final = 2_000_000_000_000  # of `by_all_outputs`: about half a minute of one core
SMOOTHNESS: Final = 1e-3  # the weight of smoothness beside that of the features
SMALL_ENOUGH: Final = 1e-9  # a residual, relative to the first


def run(view: AdversaryView, _effort: Effort) -> Reconstruction:
    """Find the order, then the images; without an order there are none."""
    watch = Stopwatch()
    found = recover_order(view)
    if not found.is_worth_trying or found.order is None:
        return Reconstruction("decode", None, {}, watch.seconds, say_order(found))
    way, images = decoded(view, found.order)
    return Reconstruction(
        "decode",
        images,
        {"images": float(len(images))},
        watch.seconds,
        f"{say_order(found)} {len(images)} images were computed with it ({way}).",
    )


def decoded(view: AdversaryView, order: Order) -> tuple[str, Matrix]:
    """Return the way that was taken and the images, float64 [n,h,w,c] in grey levels 0 to peak."""
    _, conv = layers_of(view)
    is_determined = int(np.prod(conv.output_shape)) >= view.geometry.elements
    if is_determined and view.geometry.elements // view.kappa <= LARGEST_CORE:
        return "key", pixels(view, by_key(view, order))
    kernels = kernel_matrix(conv)[:, order]
    if is_determined and has_full_row_rank(kernels):
        parts = [by_output(maps, conv, kernels) for maps in feature_parts(view)]
        return "1x1", pixels(view, np.concatenate(parts))
    steps = most_steps(kernels, len(view.targets) * int(np.prod(conv.output_shape[1:])))
    images = np.concatenate(
        [
            by_all_outputs(part, conv, kernels, steps)
            for maps in feature_parts(view)
            for part in _in_parts(maps, kernels)
        ]
    )
    is_cut_short = steps < MOST_STEPS
    way = "deconvolve, stopped early: a lower bound" if is_cut_short else "deconvolve"
    return way, pixels(view, images)


def _in_parts(maps: Matrix, kernels: Matrix) -> Iterator[Matrix]:
    """Yield so many of the maps that what all taps read of them is 64 MiB."""
    count = max(1, ROWS_AT_ONCE_BYTES // (8 * len(kernels) * int(np.prod(maps.shape[2:]))))
    for start in range(0, len(maps), count):
        yield maps[start : start + count]


def by_key(view: AdversaryView, order: Order) -> Matrix:
    """Return D = T M⁻¹ with the key from C^ac, float64 [n,αhw]."""
    augconv, conv = layers_of(view)
    places = block_places(augconv.blocks, augconv.kappa, augconv.input_shape)
    rows = view.targets.reshape(len(view.targets), -1).astype(np.float64)
    blocks = range(augconv.kappa)
    of_one_core = [blocks] if view.cores == "shared" else [range(b, b + 1) for b in blocks]
    images = np.empty_like(rows)
    for among in of_one_core:
        of_core = places[among]
        morphed = rows[:, of_core].reshape(-1, of_core.shape[1])
        opened = key_equations(augconv, conv, order, among).opened(morphed)
        images[:, of_core] = opened.reshape(len(rows), *of_core.shape)
    return images


def has_full_row_rank(kernels: Matrix) -> bool:
    """Say whether one output alone determines the pixels that it reads."""
    if kernels.shape[0] > kernels.shape[1]:
        return False
    values = np.linalg.svd(kernels, compute_uv=False)
    return bool(values[-1] * WORST_CONDITION > values[0])


def by_output(maps: Matrix, conv: FirstConv, kernels: Matrix) -> Matrix:
    """Return D from F K⁺, each pixel a mean over the outputs that read it, float64 [n,αhw].

    A tap weighs less the more it amplifies errors of F.

    Parameters
    ----------
    maps
        F without bias [n,β,n_h,n_w], in the order of `kernels` [αp²,β].
    """
    inverse, taps = np.linalg.pinv(kernels), tap_places(conv).reshape(len(kernels), -1)
    weights = 1 / (inverse**2).sum(axis=0)
    flat = maps.reshape(*maps.shape[:2], -1)
    sums, total = np.zeros((len(maps), _elements(conv))), np.zeros(_elements(conv))
    for tap, reads in enumerate(taps):
        outputs = np.flatnonzero(reads >= 0)
        decoded_tap = np.tensordot(flat[:, :, outputs], inverse[:, tap], axes=([1], [0]))
        sums[:, reads[outputs]] += weights[tap] * decoded_tap
        total[reads[outputs]] += weights[tap]
    return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)


def by_all_outputs(
    maps: Matrix, conv: FirstConv, kernels: Matrix, steps: int = MOST_STEPS
) -> Matrix:
    """Return the D whose features come nearest to F, float64 [n,αhw].

    Conjugate gradients on C C^T D = C F, all images at once; C is never built. Where outputs are
    fewer than pixels, the smoothest of all such D.
    """
    taps = tap_places(conv).reshape(len(kernels), -1)
    products = kernels @ kernels.T
    found = np.zeros((len(maps), _elements(conv)))
    is_determined = int(np.prod(conv.output_shape)) >= found.shape[1]
    smoothness = 0.0 if is_determined else SMOOTHNESS * np.trace(products) / len(products)
    rest = _scattered(kernels @ maps.reshape(*maps.shape[:2], -1), taps, found.shape)
    step, energy = rest, (rest**2).sum(axis=1, keepdims=True)
    first = energy
    for _ in range(steps):
        if (energy <= SMALL_ENOUGH**2 * first).all():
            break
        moved = _scattered(products @ _gathered(step, taps), taps, found.shape)
        if smoothness:
            moved += smoothness * _roughness(step.reshape(len(step), *conv.input_shape))
        along = (step * moved).sum(axis=1, keepdims=True)
        length = np.divide(energy, along, out=np.zeros_like(energy), where=along > 0)
        found, rest = found + length * step, rest - length * moved
        before, energy = energy, (rest**2).sum(axis=1, keepdims=True)
        step = rest + np.divide(energy, before, out=np.zeros_like(energy), where=before > 0) * step
    return found


def most_steps(kernels: Matrix, outputs: int) -> int:
    """Return how many steps of `by_all_outputs` are taken: fewer where one costs very much."""
    one_step = 2 * len(kernels) ** 2 * outputs
    return int(np.clip(_OPERATIONS // max(1, one_step), 1, MOST_STEPS))


def pixels(view: AdversaryView, unrolled: Matrix) -> Matrix:
    """Return D [n,αhw] as grey levels [n,h,w,c], normalisation undone, within 0 to peak."""
    scale, bias = view.affine
    planes = np.moveaxis(unrolled.reshape(view.targets.shape), 1, -1)
    grey = np.clip((planes - bias) / scale, 0, view.geometry.peak)
    return np.asarray(grey, dtype=np.float64)


def _roughness(planes: Matrix) -> Matrix:
    """Return the gradient of half the squared steps between neighbours, [n,α,h,w] to [n,αhw]."""
    total = np.zeros_like(planes)
    for axis in (2, 3):
        steps = np.diff(planes, axis=axis)
        ends = [(0, 0)] * 4
        ends[axis] = (1, 1)
        total -= np.diff(np.pad(steps, ends), axis=axis)
    return total.reshape(len(planes), -1)


def _elements(conv: FirstConv) -> int:
    return int(np.prod(conv.input_shape))


def _gathered(images: Matrix, taps: NDArray[np.int64]) -> Matrix:
    """Return what each tap reads, [n,taps,outputs]: 0 in the padding."""
    padded = np.hstack([images, np.zeros((len(images), 1))])
    return padded[:, taps]


def _scattered(read: Matrix, taps: NDArray[np.int64], shape: tuple[int, int]) -> Matrix:
    """Add what each tap read [n,taps,outputs] to its place, [n,αhw]."""
    sums = np.zeros((shape[0], shape[1] + 1))
    for tap, places in enumerate(taps):
        inside = places >= 0
        sums[:, places[inside]] += read[:, tap, inside]
    return sums[:, :-1]


ATTACK: Final = Attack(
    name="decode",
    title="Images by least squares from C^ac",
    rung="A4",
    needs="C^ac and the developer's first layer",
    sanitizers=("morph",),
    run=run,
    unfit=without_layers,
    gives_key=True,
)
