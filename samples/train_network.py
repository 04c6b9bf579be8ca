"""Train a small classifier on a folder of images, and write it for the commands that need one.

    python samples/train_network.py cifar10 -o net.safetensors

`cifar10` holds `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*` alone, of which a tenth is then
kept for the test. Every image is shrunk or enlarged to `--size`. The file says of itself which
network it is, of which sizes, how pixels are normalized and what the classes are called, so that
`--model net.safetensors` is all that a command must be told.

The networks are narrow, to be trained on one core: AlexNet and VGG with 16 channels in the first
layer, a residual network with one block a stage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from dpkit.nets import CLASSIFIERS

MEAN, DEVIATION = 0.5, 0.25
BATCH, RATE, DECAY = 64, 0.05, 5e-4
MARGIN = 4  # pixels by which training images are shifted
SMALL: dict[str, dict[str, Any]] = {
    "alexnet": {"width": 16, "hidden": 256, "pool": 3, "stem": "small", "dropout": 0.1},
    "vgg11_bn": {"width": 16, "hidden": 128, "pool": 1, "dropout": 0.0},
    "vgg16_bn": {"width": 16, "hidden": 128, "pool": 1, "dropout": 0.0},
    "resnet18": {"width": 16, "layers": [1, 1, 1, 1], "stem": "small"},
}
RATES = {"alexnet": 0.02}  # without batch normalization a smaller one


def main() -> None:
    """Train, print the accuracy of each epoch, and write the file."""
    given = _arguments()
    if given.out.exists():
        raise SystemExit(f"{given.out} exists; name another file")
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    names = class_names(given.folder)
    train, test = read_parts(given.folder, names, given.images, given.size)
    channels = train[0].shape[1]
    sizes = SMALL[given.network] | {"classes": len(names), "in_channels": channels}
    made = {name: tuple(size) if isinstance(size, list) else size for name, size in sizes.items()}
    network = CLASSIFIERS[given.network](**made)
    weights = sum(weight.numel() for weight in network.parameters())
    print(f"{given.network}: {weights:,} weights, {len(train[0]):,} images of {len(names)} classes")
    fit(network, train, test, epochs=given.epochs, rate=RATES.get(given.network, RATE))
    metadata = {
        "network": given.network,
        "arguments": json.dumps(sizes),
        "normalize": f"{MEAN},{DEVIATION}",
        "classes": json.dumps(names),
    }
    save_file(network.state_dict(), given.out, metadata=metadata)
    print(f"written: {given.out}")


def class_names(folder: Path) -> list[str]:
    """Return the names of the class folders, in order."""
    inside = folder / "train" if (folder / "train").is_dir() else folder
    names = sorted(path.name for path in inside.iterdir() if path.is_dir())
    if len(names) <= 1:
        raise SystemExit(f"{inside} holds {len(names)} folders of classes; two are needed")
    return names


def read_parts(
    folder: Path, names: list[str], most: int | None, side: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return values [n,c,side,side] and classes of the training and of the test part."""
    if (folder / "train").is_dir():
        return (
            read(folder / "train", names, slice(most), side),
            read(folder / "test", names, slice(most), side),
        )
    smallest = min(len(list((folder / name).iterdir())) for name in names)
    held_out = max(1, min(smallest, most or smallest) // 10)
    return (
        read(folder, names, slice(held_out, most), side),
        read(folder, names, slice(held_out), side),
    )


def read(folder: Path, names: list[str], which: slice, side: int) -> tuple[Tensor, Tensor]:
    """Return u8 pixels [n,3,side,side] and classes int64 [n] of some images of each class."""
    pixels, targets = [], []
    for target, name in enumerate(names):
        for path in sorted((folder / name).iterdir())[which]:
            with Image.open(path) as image:
                shown = image.convert("RGB")
                resized = shown if shown.size == (side, side) else shown.resize((side, side))
                pixels.append(np.asarray(resized))
                targets.append(target)
    return torch.from_numpy(np.stack(pixels)).movedim(-1, 1), torch.tensor(targets)


def fit(
    network: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    epochs: int,
    rate: float,
) -> None:
    """Train by SGD with momentum and one cycle of the rate, on mirrored and shifted images."""
    optimizer = torch.optim.SGD(
        network.parameters(), rate, momentum=0.9, weight_decay=DECAY, nesterov=True
    )
    steps = epochs * -(-len(train[0]) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for epoch in range(1, epochs + 1):
        network.train()
        for rows in torch.randperm(len(train[0])).split(BATCH):
            scores = network(values(shifted(train[0][rows])))
            loss = nn.functional.cross_entropy(scores, train[1][rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch}: accuracy {accuracy(network, *test):.3f} on {len(test[0]):,} images")


def values(pixels: Tensor) -> Tensor:
    """Return pixels as the network takes them."""
    return (pixels.float() / 255 - MEAN) / DEVIATION


def shifted(pixels: Tensor) -> Tensor:
    """Mirror half of the images, and shift all of them by up to 4 pixels either way."""
    side = pixels.shape[-1]
    mirrored = torch.where(torch.rand(len(pixels), 1, 1, 1) < 0.5, pixels, pixels.flip(-1))  # noqa: PLR2004 (half)
    padded = nn.functional.pad(mirrored, [MARGIN] * 4)
    starts = torch.randint(0, 2 * MARGIN + 1, (len(pixels), 2)).tolist()
    pieces = [
        image[:, top : top + side, left : left + side]
        for image, (top, left) in zip(padded, starts, strict=True)
    ]
    return torch.stack(pieces)


@torch.no_grad()
def accuracy(network: nn.Module, pixels: Tensor, targets: Tensor) -> float:
    """Return the share of images whose class the network names."""
    network.eval()
    guesses = [network(values(part)).argmax(dim=1) for part in pixels.split(256)]
    return float((torch.cat(guesses) == targets).float().mean())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="train/CLASS/* and test/CLASS/*, or CLASS/*")
    parser.add_argument("-o", "--out", type=Path, default=Path("net.safetensors"))
    parser.add_argument("--network", choices=sorted(SMALL), default="alexnet")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, help="of each class, at most; all without it")
    parser.add_argument("--size", type=int, default=32, help="side of the images in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
