"""What learned reconstructors make of a network's feature maps, cut by cut.

The first three stages of a VGG of 16 channels (weights drawn, not trained) turn crops of 16x16
into maps, stored as float16. The adversary has crops of the left two thirds of four photographs
with their maps; the attacked ones are of the right third. `halved` is the positive control: each
2x2 pixels become one. Beside each attacker stand a constant colour and the mean picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import skimage.data
import torch
from torch import nn

from bench.harness import Figure
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.scoring import score_images
from dpkit.nets import VGG
from dpkit.types import Geometry
from dpkit.types.adversary import AdversaryView, PublicImages

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[Any]

SIDE, ZOOM = 16, 3  # each pixel is the mean of 3x3
OWN, WANTED = 400, 40
SECONDS = 20.0  # of the wall clock, for one attacker
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
ATTACKERS = ("ridge-maps", "mlp", "deconvolution", "unet", "white-box")
CUTS = ("halved", "stage 1", "stage 2", "stage 3")


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (it draws nothing)
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # the first takes seconds to load
    own, wanted = crops(OWN, 0.0, 0.66, seed=0), crops(WANTED, 0.66, 1.0, seed=1)
    mean = own.mean(axis=0, keepdims=True)
    guesses = {"constant": mean.mean(axis=(1, 2), keepdims=True), "mean picture": mean}
    figures = []
    for name, guess in guesses.items():
        figures += _figures("no release", name, wanted, np.broadcast_to(guess, wanted.shape), "")
    for cut in CUTS:
        view = handed(cut, own, wanted)
        for name in ATTACKERS:
            found = ATTACKS[name].run(view, Effort(seconds=SECONDS))
            is_cut = not found.figures.get("converged", 1.0)
            figures += _figures(cut, name, wanted, found.images, "cut" if is_cut else "")
            print(cut, name, figures[-2].value, figures[-1].value, found.sentence, flush=True)
    return figures


def handed(cut: str, own: Pixels, wanted: Pixels) -> AdversaryView:
    network = encoder(cut)
    values = released(network, own)
    return AdversaryView(
        released(network, wanted),
        Geometry(3, SIDE, SIDE, 8),
        "hold",
        {},
        np.array([[1 / 255] * 3, [0.0] * 3]),
        public=PublicImages(own, "same", values=values),
        encoder=network,
    )


def encoder(cut: str) -> nn.Module:
    if cut == "halved":
        return nn.AvgPool2d(2)
    torch.manual_seed(0)
    layers = list(VGG(layers=11, width=16, classes=2).features)
    pools = [i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    return nn.Sequential(*layers[: pools[int(cut[-1]) - 1] + 1]).eval().requires_grad_(False)


def released(network: nn.Module, images: Pixels) -> Pixels:
    with torch.no_grad():
        rows = torch.from_numpy(np.moveaxis(images, -1, 1) / np.float32(255))
        return np.asarray(network(rows).numpy().astype(np.float16))


def crops(count: int, left: float, right: float, seed: int) -> Pixels:
    """Return crops u8 [count,16,16,3] of that part of the photographs' width."""
    rng = np.random.default_rng(seed)
    extent, found = SIDE * ZOOM, []
    for i in range(count):
        whole = getattr(skimage.data, PHOTOGRAPHS[i % len(PHOTOGRAPHS)])()
        x = rng.integers(int(left * whole.shape[1]), int(right * whole.shape[1]) - extent)
        y = rng.integers(0, whole.shape[0] - extent)
        piece = whole[y : y + extent, x : x + extent].astype(np.float64)
        cells = piece.reshape(SIDE, ZOOM, SIDE, ZOOM, 3).mean(axis=(1, 3))
        found.append(np.rint(cells).astype(np.uint8))
    return np.stack(found)


def _figures(cut: str, name: str, wanted: Pixels, images: Pixels, detail: str) -> list[Figure]:
    psnr, ssim = score_images(wanted, images, 255)
    case = f"{cut}, {name}"
    return [
        Figure("reconstructors", case, psnr.mean if psnr else np.nan, "dB", detail=detail),
        Figure("reconstructors", case, ssim.mean if ssim else np.nan, "SSIM", detail=detail),
    ]
