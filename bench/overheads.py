"""What MoLe costs, counted and measured (section 5.3): the paper's figures beside ours.

Counted figures come from `mole_costs`. Measured is CPU time an image, in batches of 64, of what
either side computes for CIFAR's 3x32x32 and a first layer of 64 kernels of 3x3; and of a patch
embedding beside the AugPatch that replaces it, which is to cost at most 1.1 times as much.

The same images under homomorphic encryption are measured by `bench/he.py`, where TenSEAL is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from bench.harness import Figure, speed_ratio
from bench.mole_costs import CIFAR, IMAGENET, data_overhead, developer_extra_macs, table
from dpkit.augconv import plan_augconv, whole_matrix
from dpkit.developer import AugConvLayer
from dpkit.developer.firstconv import describe_conv
from dpkit.sanitizers.morph import Morph
from dpkit.types import AugConv, Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from dpkit.types import Blocks

BATCH = 64
ROUNDS = 5
GEOMETRY = Geometry(channels=3, height=32, width=32, depth=8)
EMBEDDINGS = {
    "32x32, patch 4, 192 wide": (32, 4, 192),
    "224x224, patch 16, 768 wide": (224, 16, 768),
}


@torch.no_grad()
def run(folder: Path) -> list[Figure]:
    torch.set_num_threads(1)
    (folder / "overheads.md").write_text(table())
    print(table())
    figures = _counted()
    plain, augmented = _first_layers()
    for kappa in (1, 16):
        figures += [_beside(f"morph, κ {kappa} / plain first layer", plain, _morphing(kappa))]
    figures.append(_beside("Aug-Conv, κ 1 / plain first layer", plain, augmented))
    figures += [_patches(name, *sizes) for name, sizes in EMBEDDINGS.items()]
    return figures + _encrypted()


def _counted() -> list[Figure]:
    return [
        figure
        for setting in (CIFAR, IMAGENET)
        for figure in (
            Figure("overheads", f"{setting.name}: developer's extra MACs",
                   developer_extra_macs(setting) / setting.network, "x network"),
            Figure("overheads", f"{setting.name}: numbers of C^ac", data_overhead(setting),
                   "x data set"),
        )
    ]  # fmt: skip


def _beside(case: str, plain: Callable[[], object], ours: Callable[[], object]) -> Figure:
    ratio, theirs, own = speed_ratio(plain, ours, ROUNDS)
    return Figure("overheads", case, 1 / ratio, "times", detail=_each(own, theirs))


def _each(own: float, theirs: float) -> str:
    return f"{own / BATCH * 1e3:.3f} ms an image against {theirs / BATCH * 1e3:.3f} ms"


def _morphing(kappa: int) -> Callable[[], object]:
    morph = Morph(kappa=kappa)
    key = morph.fit(GEOMETRY, Secret(bytes(32)))
    pixels = np.random.default_rng(8).integers(0, 256, (BATCH, 32, 32, 3), np.uint8)
    names = np.zeros(BATCH, "S26")
    batch = ImageBatch(pixels, np.zeros(BATCH, np.int64), names, names)
    return lambda: morph.apply(batch, key, GEOMETRY)


def _first_layers() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return VGG-16's first layer and the dense Aug-Conv that stands for it."""
    conv = nn.Conv2d(3, 64, 3, padding=1)
    layer, values = _augmented(conv, "raster", 1, 32), torch.randn(BATCH, 3, 32, 32)
    return lambda: conv(values), lambda: layer(values)


def _patches(name: str, side: int, patch: int, width: int) -> Figure:
    conv = nn.Conv2d(3, width, patch, stride=patch)
    layer = _augmented(conv, "patch", (side // patch) ** 2, side)
    values = torch.randn(BATCH, 3, side, side)

    def tokens(module: nn.Module) -> Tensor:
        return module(values).flatten(2).transpose(1, 2).contiguous()

    ratio, theirs, own = speed_ratio(lambda: tokens(conv), lambda: tokens(layer), ROUNDS)
    return Figure(
        "overheads", f"AugPatch / embedding, {name}", 1 / ratio, "times", 1.1,
        is_upper_limit=True, detail=_each(own, theirs),
    )  # fmt: skip


def _augmented(conv: nn.Conv2d, blocks: Blocks, kappa: int, side: int) -> AugConvLayer:
    """Return an Aug-Conv as the developer loads it; any core takes the same time."""
    first = describe_conv(conv, input_size=(side, side), normalize="none")
    plan = plan_augconv(first, blocks, kappa, is_distinct=False)
    inverses = np.random.default_rng(9).standard_normal((1, plan.core_size, plan.core_size))
    matrices = tuple(whole_matrix(plan, i, inverses) for i in range(len(plan.reaches)))
    return AugConvLayer(
        AugConv(
            matrices, plan.matrix_of, plan.windows, first.bias, blocks, first.input_shape,
            first.output_shape, "bench", {},
        )
    )  # fmt: skip


def _encrypted() -> list[Figure]:
    try:
        from bench.he import measured  # noqa: PLC0415 (TenSEAL is in an environment of its own)
    except ImportError:
        print("overheads: homomorphic encryption is left out, TenSEAL is not installed")
        return []
    return [
        Figure("overheads", f"CKKS: {case}", value, unit)
        for case, (value, unit) in measured().items()
    ]
