"""What C^ac gives away without its kernels, what one feature map gives, and trained-like kernels.

Secret kernels are 64 random ones, mixed by a dense matrix that is drawn for them, which is a
secret shuffle and more. Targets: grey view at SSIM 0.94 for 16x16x3, CIFAR size (32x32x3) within
3 minutes; one map of 64x64 grey pixels and its kernel at a median SSIM of 0.85 over 64 random
kernels; the order of ill-conditioned kernels, as training leaves them, exact from 10 to 64 maps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench.augconv_attack import drawn_core, handed_over, he_layer, of_kernels
from bench.folders import jpeg_crops
from bench.harness import Figure
from dpkit.kernels.convmatrix import convolution
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.channel_order import find_order
from dpkit.leakage.attacks.intersection import run as intersect
from dpkit.leakage.attacks.one_channel import one_map, smoothest_fit
from dpkit.leakage.contrast import grey
from dpkit.leakage.scoring import score_images

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.leakage.scoring import Score

NAME = "intersection-attack"
MAPS, SEEDS = 64, (0, 1, 2)
# side, κ, type, least SSIM, seconds
SECRET = (
    (16, 1, "float32", 0.94, None),
    (16, 16, "float16", 0.94, None),
    (32, 1, "float32", 0.94, 180.0),
    (32, 16, "float16", 0.94, 180.0),
)
TRAINED = (10, 16, 24, 32, 48, 64)
DECAY = 0.8  # of singular values, from one to the next: a condition number of about 300


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (it draws nothing)
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        figures = [figure for case in SECRET for figure in _secret(*case)]
        return [*figures, _one_channel(), *(_trained(maps) for maps in TRAINED)]


def _secret(
    side: int, kappa: int, dtype: str, least: float, limit: float | None
) -> tuple[Figure, Figure]:
    found = [_intersected(side, kappa, dtype, seed) for seed in SEEDS]
    case = f"secret kernels, {side}x{side}x3, κ {kappa}, {dtype}"
    means = ", ".join(f"{score.mean:.3f} ({score.least:.3f})" for score, _ in found)
    return (
        Figure(
            NAME, f"{case}: grey, worst of 3", min(score.mean for score, _ in found), "SSIM",
            least, detail=f"mean (least image) {means}",
        ),
        Figure(
            NAME, f"{case}: slowest of 3", max(seconds for _, seconds in found), "s CPU", limit,
            is_upper_limit=True,
        ),
    )  # fmt: skip


def _intersected(side: int, kappa: int, dtype: str, seed: int) -> tuple[Score, float]:
    rng = np.random.default_rng(seed)
    shape = (3, side, side)
    conv = he_layer(rng, shape, MAPS)
    mixing = rng.standard_normal((MAPS, MAPS)) / np.sqrt(MAPS)
    mixed = np.tensordot(mixing, conv.weight, axes=1).astype(np.float32)
    originals = jpeg_crops(4, side)[0]
    core = drawn_core(rng, 3 * side * side // kappa)
    view = handed_over(of_kernels(mixed, shape), originals, core, np.arange(MAPS), dtype)
    found = intersect(replace(view, first_conv=None), Effort(seconds=3600))
    if found.images is None:
        raise RuntimeError(found.sentence)
    score = score_images(originals, found.images, 255)[1]
    if score is None:
        raise RuntimeError("images are too small to score")
    return score, found.seconds


def _one_channel() -> Figure:
    rng = np.random.default_rng(0)
    originals = grey(jpeg_crops(1, 64)[0])
    images = np.moveaxis(originals, -1, 1) / 255
    conv = he_layer(rng, (1, 64, 64), MAPS)
    found = []
    for number in range(MAPS):
        alone = one_map(conv, number)
        weight = alone.weight.astype(np.float64)
        maps = convolution(images, weight, alone.padding, ((1, 1), (1, 1)))
        seen = np.clip(255 * smoothest_fit(maps, alone, Effort()), 0, 255)
        score = score_images(originals, np.moveaxis(seen, 1, -1), 255)[1]
        found.append(score.mean if score else 0.0)
    return Figure(
        NAME, "one map of 64x64 grey and its kernel: median of 64 kernels",
        float(np.median(found)), "SSIM", 0.85, detail=f"{min(found):.2f} to {max(found):.4f}",
    )  # fmt: skip


def _trained(maps: int) -> Figure:
    right = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        left, _ = np.linalg.qr(rng.standard_normal((27, 27)))
        other, _ = np.linalg.qr(rng.standard_normal((maps, maps)))
        rank = min(27, maps)
        weight = ((left[:, :rank] * DECAY ** np.arange(rank)) @ other[:rank]).T
        conv = of_kernels(weight.reshape(maps, 3, 3, 3).astype(np.float32), (3, 16, 16))
        order = rng.permutation(maps)
        view = handed_over(conv, jpeg_crops(1, 16)[0], drawn_core(rng, 768), order, "float32")
        found = find_order(view.augconv, conv).order if view.augconv else None
        right.append(0.0 if found is None else float((found == order).mean()))
    case = f"order of {maps} trained-like kernels, worst of 3"
    return Figure(NAME, case, min(right), "", 1.0)
