"""What an Aug-Conv layer gives away at the size of CIFAR and VGG-16, and how fast.

64 random kernels of 3x3 (He et al. 2015) with padding 1 on 32x32x3, a Gaussian core. The provider's
side makes C^ac by running the convolution over the rows of M⁻¹; then every attack runs on what the
developer would hold. Targets: the order exact, images at 95 dB in 15 s for float32 (κ 1 and 16).
For float16 (κ 16) the error of T alone, times the core's condition number, limits even the true
key; the attack is to be at most 3 dB behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn.functional import conv2d

from bench.folders import jpeg_crops
from bench.harness import Figure, cpu_seconds
from dpkit.leakage.attacks.handover import handover_evidence
from dpkit.types import AugConv, FirstConv, Geometry, block_places
from dpkit.types.adversary import AdversaryView

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.leakage.attacks.handover import HandoverEvidence

SHAPE, MAPS = (3, 32, 32), 64
OF_A_CLASS = 4  # crops of each of five photographs
CASES = ((1, "float32", 95.0), (16, "float32", 95.0), (16, "float16", None))
SEEDS = (0, 1, 2)
WORST_CONDITION = 40  # times q, as in dpkit.sanitizers.cores
LARGEST_CHECKED = 512  # q; larger cores are far below the limit nearly always


@dataclass(frozen=True)
class Outcome:
    """One setting attacked: what came out, CPU seconds, and what belongs to the core.

    `restored_db` is the mean PSNR that the true inverse of the core reaches from the same values.
    """

    evidence: HandoverEvidence
    seconds: float
    condition: float
    restored_db: float


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (it draws nothing)
    torch.set_num_threads(1)
    figures = []
    with threadpool_limits(limits=1):
        for kappa, dtype, least in CASES:
            found = [_attacked(kappa, dtype, seed) for seed in SEEDS]
            figures += _figures(f"κ {kappa}, {dtype}", least, found)
    return figures


def _figures(case: str, least: float | None, found: list[Outcome]) -> list[Figure]:
    evidence = [one.evidence for one in found]
    shares = [one.order.share_right or 0.0 for one in evidence]
    energy = max(one.order.energy or 0.0 for one in evidence)
    slowest = max(one.order.seconds for one in evidence)
    views = evidence[0].views
    ssim, blind = (one.mean if one else 0.0 for one in (views.best_ssim, views.blind_ssim))
    name = "augconv-attack"
    return [
        Figure(
            name, f"{case}: channels right, worst of 3", min(shares), "", 1.0,
            detail=f"energy {energy:.0e}, {slowest:.1f} s",
        ),
        *_image_figures(case, least, found),
        Figure(
            name, f"{case}: all attacks", max(one.seconds for one in found), "s CPU", 15.0,
            is_upper_limit=True, detail=f"{evidence[0].images} images",
        ),
        Figure(
            name, f"{case}: best channel view, mean", ssim, "SSIM",
            detail=f"chosen blindly {blind:.2f}",
        ),
    ]  # fmt: skip


def _image_figures(case: str, least: float | None, found: list[Outcome]) -> list[Figure]:
    scores = [one.evidence.recovered and one.evidence.recovered.psnr_db for one in found]
    means = [score.mean if score else 0.0 for score in scores]
    images = ", ".join(f"{score.mean:.0f} ({score.least:.0f})" for score in scores if score)
    conditions = ", ".join(f"{one.condition:.0f}" for one in found)
    short = max(one.restored_db - mean for one, mean in zip(found, means, strict=True))
    return [
        Figure(
            "augconv-attack", f"{case}: images, worst of 3", min(means), "dB", least,
            detail=f"mean (least image) {images}; condition numbers {conditions}",
        ),
        Figure(
            "augconv-attack", f"{case}: behind the true key, worst of 3", short, "dB",
            None if least else 3.0, is_upper_limit=True,
        ),
    ]  # fmt: skip


def _attacked(kappa: int, dtype: str, seed: int) -> Outcome:
    rng = np.random.default_rng(seed)
    originals = jpeg_crops(OF_A_CLASS, SHAPE[1])[0]
    q = int(np.prod(SHAPE)) // kappa
    core, order = drawn_core(rng, q), rng.permutation(MAPS)
    conv = he_layer(rng, SHAPE, MAPS)
    view = handed_over(conv, originals, core, order, dtype)
    start = cpu_seconds()
    evidence = handover_evidence(view, originals, order)
    seconds = cpu_seconds() - start
    rows = np.moveaxis(originals, -1, 1).reshape(len(originals), kappa, q) / 255
    restored = view.values.reshape(rows.shape).astype(np.float64) @ np.linalg.inv(core)
    errors = ((restored - rows) ** 2).mean(axis=(1, 2))
    psnr = float(np.minimum(-10 * np.log10(errors), 200).mean())
    return Outcome(evidence, seconds, float(np.linalg.cond(core)), psnr)


def he_layer(rng: np.random.Generator, shape: tuple[int, int, int], maps: int) -> FirstConv:
    """Draw a layer of 3x3 kernels, stride 1 and padding 1 (He et al. 2015)."""
    weight = rng.standard_normal((maps, shape[0], 3, 3)) * np.sqrt(2 / (9 * shape[0]))
    return of_kernels(weight.astype(np.float32), shape)


def of_kernels(weight: NDArray[np.float32], shape: tuple[int, int, int]) -> FirstConv:
    """Return the layer of some 3x3 kernels, stride 1 and padding 1."""
    size = (shape[1], shape[2])
    return FirstConv(weight, None, (1, 1), (1, 1, 1, 1), (1, 1), 1, size, "none")


def handed_over(
    conv: FirstConv,
    originals: NDArray[np.uint8],
    core: NDArray[np.float64],
    order: NDArray[Any],
    dtype: str,
) -> AdversaryView:
    """Morph images with one core for all blocks, and hand over C^ac in that channel order."""
    shape, q = conv.input_shape, len(core)
    kappa = int(np.prod(shape)) // q
    rows = np.moveaxis(originals, -1, 1).reshape(len(originals), kappa, q) / 255
    return AdversaryView(
        (rows @ core).astype(dtype).reshape(-1, *shape),
        Geometry(*shape, 8),
        "morph",
        {"blocks": "raster", "kappa": kappa, "cores": "shared", "core": "gaussian"},
        np.array([[1 / 255] * shape[0], [0.0] * shape[0]]),
        augconv=_augconv(conv, np.linalg.inv(core), order, kappa, dtype),
        first_conv=conv,
    )


def drawn_core(rng: np.random.Generator, q: int) -> NDArray[np.float64]:
    """Draw a Gaussian core as `morph` does: again where its condition number is above 40 q."""
    while True:
        core = rng.standard_normal((q, q)) / np.sqrt(q)
        if q > LARGEST_CHECKED or np.linalg.cond(core) <= WORST_CONDITION * q:
            return core


def _augconv(
    conv: FirstConv, inverse: NDArray[np.float64], order: NDArray[Any], kappa: int, dtype: str
) -> AugConv:
    weight = torch.from_numpy(conv.weight[order])
    matrices = []
    for places in block_places("raster", kappa, conv.input_shape):
        rows = np.zeros((len(places), int(np.prod(conv.input_shape))), np.float32)
        rows[:, places] = inverse
        maps = conv2d(torch.from_numpy(rows.reshape(-1, *conv.input_shape)), weight, padding=1)
        matrices.append(maps.numpy().astype(dtype))
    return AugConv(
        tuple(matrices), np.arange(kappa, dtype=np.int32), np.zeros((kappa, 2), np.int32), None,
        "raster", conv.input_shape, conv.output_shape, "bench", {},
    )  # fmt: skip
