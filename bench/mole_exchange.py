"""Figure 1 of MoLe played through: a first layer goes in, a release and an Aug-Conv come out.

Everything runs by dpkit itself: release, keystore, `dpkit augconv build` and `export` (the attacks
before the handover among it), the developer's data set and layer. The key is the provider's; the
bench has it too, for one thing alone: the released rows are put into the order of the originals,
so that a network sees the same batches on either side of the wall.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from dpkit.developer import ReleaseDataset, export_first_conv, load_augconv
from dpkit.exchange import build, hand_over, offer
from dpkit.exchange.morphed import Morphed
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.pipeline import make_release
from dpkit.pipeline.request import ReleaseRequest
from dpkit.release.first_conv import read_first_conv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.cifar import Pictures
    from dpkit.developer import AugConvLayer
    from dpkit.sanitizers.morph import Morph
    from dpkit.types import FirstConv

ATTACKED = 4  # images; what they show is not this bench's subject
FIRST, HANDED_OVER = "first_conv.safetensors", "augconv.safetensors"


@dataclass(frozen=True)
class Shown:
    """What a network is shown: float32 [n,c,h,w], and the classes, int64 [n]."""

    values: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Exchange:
    """One release, and the Aug-Conv made for it; `order` is the secret order of its maps."""

    release_id: str
    first: FirstConv
    layer: AugConvLayer
    order: Tensor
    train: Shown
    test: Shown


def plain(pictures: Pictures, normalize: str) -> Shown:
    """Return D: what the developer would have without sanitizing."""
    mean, deviation = (float(number) for number in normalize.split(","))
    pixels = torch.from_numpy(np.moveaxis(pictures.pixels, -1, 1).copy()).float()
    return Shown((pixels / 255 - mean) / deviation, torch.from_numpy(pictures.labels))


def exchange(
    here: Path, parts: dict[str, Pictures], morph: Morph, trained: Callable[[], nn.Module]
) -> Exchange:
    """Play the exchange through in a folder, or open what an earlier run has finished there.

    `trained` gives the developer's network, or its first layer.
    """
    unlock = Unlock(key_file=here / "key of the bench" / "key")
    if not (here / HANDED_OVER).exists():
        shutil.rmtree(here, ignore_errors=True)
        (here / "key of the bench").mkdir(parents=True)
        _play(here, parts, morph, trained(), unlock)
    morphed = Morphed.open(here / "release", Keystore.open(here / "provider.dpks", unlock))
    first = read_first_conv(here / FIRST)
    shown = {name: _in_order(here / "release", name, parts[name], morphed) for name in parts}
    order = torch.from_numpy(morphed.channel_order(first))
    layer = load_augconv(here / HANDED_OVER)
    return Exchange(morphed.release_id, first, layer, order, **shown)


def _play(
    here: Path, parts: dict[str, Pictures], morph: Morph, network: nn.Module, unlock: Unlock
) -> None:
    size = parts["train"].pixels.shape[1:3]
    export_first_conv(network, here / FIRST, input_size=size, normalize=morph.normalize)
    store = Keystore.create(here / "provider.dpks", unlock)
    make_release(ReleaseRequest(_write(here / "images", parts), here / "release", morph), store)
    build(here / "release", here / FIRST, store)
    offered = offer(here / "release", store, images=ATTACKED)
    print("\n".join(offered.lines()), flush=True)
    hand_over(offered, here / HANDED_OVER, store)


def _write(folder: Path, parts: dict[str, Pictures]) -> Path:
    for name, pictures in parts.items():
        for i, (pixels, label) in enumerate(zip(pictures.pixels, pictures.labels, strict=True)):
            path = folder / name / f"class {label}" / f"{i:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return folder


def _in_order(release: Path, part: str, pictures: Pictures, morphed: Morphed) -> Shown:
    """Return a part's released values in the order of the originals, by restoring them."""
    dataset = ReleaseDataset(release, split=part)
    values = torch.stack([value for value, _ in dataset.__getitems__(range(len(dataset)))])
    restored = _rows(morphed.originals(values.numpy()))
    alike = _rows(pictures.pixels) @ restored.T - (restored**2).sum(1) / 2
    found = alike.argmax(1)  # the nearest: a uniform core restores to within some grey levels
    return Shown(values[found], torch.from_numpy(pictures.labels))


def _rows(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels.reshape(len(pixels), -1).astype(np.float32))
