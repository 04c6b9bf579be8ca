"""The pictures from one feature map and its kernel: what publishing even one of them gives.

    symbol   here          meaning                                                  MoLe
    f_j      map           one channel of the features, k_j * D, [n_h,n_w]           Eq. 5
    k_j      conv          its kernel, one map of the developer's layer              Eq. 1
    λ        SMOOTHNESS    weight of the prior beside that of the features

Shen et al. (MoLe), arXiv 1909.07632. The prior is that of photographs, whose power falls as 1/f²:
squared steps between neighbours, and more for what differs between colours. The D that fits f_j
and has the least of them is Wiener's estimate (1949), but for the border, which is kept as it is:
conjugate gradients instead of a Fourier transform. With an exact map no noise limits it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch, layers_of, without_layers
from dpkit.leakage.attacks.channel_order import recover_order
from dpkit.leakage.attacks.channel_order import sentence as say_order
from dpkit.leakage.attacks.decode import pixels
from dpkit.leakage.attacks.features import feature_parts
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from dpkit.types import FirstConv
    from dpkit.types.adversary import AdversaryView

    Numbers = NDArray[np.float64]

SMOOTHNESS: Final = 1e-3  # λ, of the kernel's energy
COLOURS_ALIKE: Final = 10.0  # how much dearer a step is that colours do not share
COLOUR_LEVEL: Final = 0.1  # and a colour's distance from grey, beside that of its steps
STEPS: Final = (100, 300)  # of conjugate gradients, quick and full
TRIED: Final = (1, 3)  # channels, quick and full
SMALL_ENOUGH: Final = 1e-6  # a residual, relative to the first
_TINY: Final = 1e-300  # keeps 0 / 0 from being asked
_GRID: Final = 32  # frequencies along a side, to judge a kernel


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find the order, then turn back the maps of the best conditioned kernels, one by one."""
    watch = Stopwatch()
    augconv, conv = layers_of(view)
    found = recover_order(view)
    if not found.is_worth_trying or found.order is None:
        return Reconstruction("one-channel", None, {}, watch.seconds, say_order(found))
    errors = np.array([expected_error(one_map(conv, j)) for j in range(conv.maps)])
    channels = np.argsort(errors[found.order], kind="stable")[: TRIED[effort.is_full]]
    pictures = []
    for channel in channels:
        alone = replace(
            view,
            augconv=replace(
                augconv,
                matrices=tuple(matrix[:, [channel]] for matrix in augconv.matrices),
                bias=None,
                output_shape=(1, *augconv.output_shape[1:]),
            ),
            first_conv=one_map(conv, int(found.order[channel])),
        )
        pictures.append(turned_back(alone, effort))
    return Reconstruction(
        "one-channel",
        pictures[0],
        {"channel": float(channels[0]), "tried": float(len(channels))},
        watch.seconds,
        f"{say_order(found)} One feature map of {conv.maps}, that of the best conditioned kernel, "
        "and its kernel alone give these pictures.",
        candidates=np.concatenate(pictures, axis=3).transpose(0, 3, 1, 2).astype(np.float32),
    )


def turned_back(view: AdversaryView, effort: Effort) -> Numbers:
    """Return grey pictures [n,h,w,1] in grey levels, from a view whose layers have one map."""
    _, conv = layers_of(view)
    parts = [smoothest_fit(maps, conv, effort) for maps in feature_parts(view)]
    images = pixels(view, np.concatenate(parts).reshape(len(view.targets), -1))
    return np.asarray(images.mean(axis=3, keepdims=True), dtype=np.float64)


def one_map(conv: FirstConv, number: int) -> FirstConv:
    """Return the layer with one of its maps alone, in one group and without bias."""
    maps, depth, *sides = conv.weight.shape
    first = number // (maps // conv.groups) * depth
    weight = np.zeros((1, conv.channels, *sides), np.float32)
    weight[0, first : first + depth] = conv.weight[number]
    return replace(conv, weight=weight, bias=None, groups=1)


def expected_error(conv: FirstConv) -> float:
    """Return the share of a photograph's grey that Wiener's estimate from one map misses, 0 to 1.

    From the kernel alone, over a grid of frequencies; colours count as noise.
    """
    kernel = np.fft.fft2(conv.weight[0].astype(np.float64), (_GRID, _GRID))  # [α,·,·]
    down, across = np.meshgrid(*[2 * np.pi * np.fft.fftfreq(_GRID)] * 2, indexing="ij")
    rough = 4 - 2 * np.cos(down) - 2 * np.cos(across)  # squared steps of a wave
    power = 1 / np.maximum(rough, 2 * np.pi / _GRID**2)
    seen = np.abs(kernel.sum(axis=0)) ** 2 * power
    noise = SMOOTHNESS * float((conv.weight.astype(np.float64) ** 2).sum())
    if conv.channels > 1:
        noise = noise + (np.abs(kernel) ** 2).sum(axis=0) * power / (1 + COLOURS_ALIKE)
    missed = np.divide(noise, seen + noise, out=np.ones_like(seen), where=seen + noise > 0)
    return float((power * missed).sum() / power.sum())


def smoothest_fit(maps: Numbers, conv: FirstConv, effort: Effort) -> Numbers:
    """Return the D that fits f [n,1,n_h,n_w] and is the smoothest, [n,α,h,w].

    Conjugate gradients on (C C^T + λ S) D = C f for all images at once, S the roughness.
    """
    import torch  # noqa: PLC0415 (the table is imported by the command line)

    weight = torch.from_numpy(conv.weight.astype(np.float64))
    right = _spread_back(torch.from_numpy(maps), weight, conv)
    strength = SMOOTHNESS * float((weight**2).sum())
    found, rest, step = torch.zeros_like(right), right, right
    energy = first = (rest**2).sum(dim=(1, 2, 3), keepdim=True)
    for _ in range(STEPS[effort.is_full]):
        effort.check()
        if bool((energy <= SMALL_ENOUGH**2 * first).all()):
            break
        moved = _spread_back(_mapped(step, weight, conv), weight, conv)
        moved = moved + strength * _roughness(step)
        along = (step * moved).sum(dim=(1, 2, 3), keepdim=True).clamp_min(_TINY)
        length = energy / along
        found, rest = found + length * step, rest - length * moved
        before, energy = energy, (rest**2).sum(dim=(1, 2, 3), keepdim=True)
        step = rest + energy / before.clamp_min(_TINY) * step
    return np.asarray(found.numpy(), dtype=np.float64)


def _mapped(images: torch.Tensor, weight: torch.Tensor, conv: FirstConv) -> torch.Tensor:
    """Return k * D of images [n,α,h,w], [n,1,n_h,n_w]."""
    from torch.nn import functional  # noqa: PLC0415 (as above)

    top, bottom, left, right = conv.padding
    padded = functional.pad(images, (left, right, top, bottom))
    return functional.conv2d(padded, weight, stride=conv.stride, dilation=conv.dilation)


def _spread_back(maps: torch.Tensor, weight: torch.Tensor, conv: FirstConv) -> torch.Tensor:
    """Return the transpose of `_mapped`, [n,α,h,w]."""
    from torch.nn import functional  # noqa: PLC0415 (as above)

    (top, bottom, left, right), (high, wide) = conv.padding, conv.input_size
    whole = functional.conv_transpose2d(maps, weight, stride=conv.stride, dilation=conv.dilation)
    short = (high + top + bottom - whole.shape[2], wide + left + right - whole.shape[3])
    whole = functional.pad(whole, (0, short[1], 0, short[0]))  # what no output reads
    return whole[:, :, top : top + high, left : left + wide]


def _roughness(images: torch.Tensor) -> torch.Tensor:
    """Return the gradient of half the squared steps, those that colours do not share dearer."""
    from torch.nn import functional  # noqa: PLC0415 (as above)

    colours = images - images.mean(dim=1, keepdim=True)
    dear = images + COLOURS_ALIKE * colours
    total = COLOURS_ALIKE * COLOUR_LEVEL * colours
    for axis, ends in ((2, (0, 0, 1, 1)), (3, (1, 1))):
        total = total - functional.pad(dear.diff(dim=axis), ends).diff(dim=axis)
    return total


ATTACK: Final = Attack(
    name="one-channel",
    title="One feature map with its kernel",
    rung="A4",
    needs="C^ac and the developer's first layer",
    sanitizers=("morph",),
    run=run,
    unfit=without_layers,
)
