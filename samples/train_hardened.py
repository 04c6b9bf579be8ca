"""What a developer can learn from a hardened release, beside the originals.

    python samples/train_hardened.py cifar10 --train 1000 --test 200 --epochs 15

`cifar10` holds `train/CLASS/*` and `test/CLASS/*` of 32x32. The provider morphs a part of them with
`--preset hardened`; no Aug-Conv is made. The developer's network is an MLP-Mixer (Tolstikhin et
al., arXiv 2105.01601) whose first layer has a linear map of its own for each block of the release.
The same network is trained on the originals, cut into patches and cut into runs of as many pixels
as the release's blocks, and a small ResNet on the originals shows what convolution would add.

Hardened morphing is obfuscation: not encryption, and not differential privacy.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mole_cifar10 import Sample, copy_all, originals
from mole_cifar10 import dpkit as as_provider
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from dpkit.developer import BlockLinear, ReleaseDataset, first_layer
from dpkit.nets import BasicBlock, ResNet

if TYPE_CHECKING:
    from dpkit.types import Blocks

Parts = tuple[Dataset[Sample], ...]
Trial = tuple[str, Callable[[argparse.Namespace, int], nn.Module], Parts]
NETWORKS = ("resnet", "patches", "runs", "release")
AT_ONCE = 500


class Mixer(nn.Module):
    """Tokens → `depth` times a mix of tokens, then of features → mean → scores."""

    def __init__(self, tokens: BlockLinear, depth: int, classes: int) -> None:
        super().__init__()
        count, dim = tokens.tokens, tokens.weight.shape[2]
        self.tokens = tokens
        self.across = nn.ModuleList(_mlp(count) for _ in range(depth))
        self.within = nn.ModuleList(_mlp(dim) for _ in range(depth))
        self.before = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2 * depth))
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Dropout(0.2), nn.Linear(dim, classes))

    def forward(self, values: Tensor) -> Tensor:
        """Return the scores of each class."""
        x = self.tokens(values)
        for i, (across, within) in enumerate(zip(self.across, self.within, strict=True)):
            x = x + across(self.before[2 * i](x).transpose(1, 2)).transpose(1, 2)
            x = x + within(self.before[2 * i + 1](x))
        scores: Tensor = self.head(x.mean(dim=1))
        return scores


def _mlp(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width)
    )


def main() -> None:
    """Play both sides with each seed, and print mean and spread of the accuracies."""
    given = _arguments()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        provider = Path(scratch)
        classes = _choose(given.images, provider / "images", given)
        (provider / "unlock").mkdir()
        plain = originals(provider / "images/train"), originals(provider / "images/test")
        for seed in range(given.seeds):
            for name, make, parts in _trials(_released(provider, seed, given), plain, given):
                torch.manual_seed(seed)
                accuracy = _accuracy(_trained(make(given, classes), parts[0], given), parts[1])
                found.setdefault(name, []).append(accuracy)
                print(f"   seed {seed}: {name:40} {accuracy:.3f}", flush=True)
    print(f"\n{'':40} mean   least and most over {given.seeds} seeds")
    for name, scores in found.items():
        print(f"{name:40} {statistics.mean(scores):.3f}  {min(scores):.3f} to {max(scores):.3f}")
    print(f"{'always one class':40} {1 / classes:.3f}")


def _trials(release: Path, plain: Parts, given: argparse.Namespace) -> tuple[Trial, ...]:
    """Return what is trained: a name, how the network is made, and its training and test part."""
    runs = (given.kappa, 3072 // given.kappa)
    morphed = tuple(ReleaseDataset(release, split=part) for part in ("train", "test"))
    trials: dict[str, Trial] = {
        "resnet": ("originals, ResNet", _resnet, plain),
        "patches": ("originals, mixer, patches of 4x4", partial(_mixer, (64, 48), "patch"), plain),
        "runs": ("originals, mixer, the release's runs", partial(_mixer, runs, "raster"), plain),
        "release": ("hardened release, mixer", partial(_release_mixer, release), morphed),
    }
    return tuple(trials[name] for name in given.networks)


def _released(provider: Path, seed: int, given: argparse.Namespace) -> Path:
    """Morph the images under a new key."""
    out = f"release-{seed}"
    as_provider(provider, f"morph images --preset hardened --kappa {given.kappa} --out {out}")
    return provider / out


def _choose(source: Path, target: Path, given: argparse.Namespace) -> int:
    """Copy the first images of each class; return how many classes there are."""
    names = sorted(folder.name for folder in (source / "train").iterdir())
    for part in ("train", "test"):
        for name in names:
            files = sorted((source / part / name).iterdir())
            copy_all(files[: getattr(given, part)], target / part / name)
    return len(names)


def _resnet(_given: argparse.Namespace, classes: int) -> nn.Module:
    return ResNet(block=BasicBlock, layers=(1, 1, 1, 1), width=16, stem="small", classes=classes)


def _mixer(
    cut: tuple[int, int], blocks: Blocks, given: argparse.Namespace, classes: int
) -> nn.Module:
    """Return the mixer for originals, which are normalised already; `cut` are tokens and block."""
    as_it_is = {"mean": torch.zeros(3), "std": torch.ones(3)}
    return Mixer(BlockLinear(*cut, given.dim, **as_it_is, blocks=blocks), given.depth, classes)


def _release_mixer(release: Path, given: argparse.Namespace, classes: int) -> nn.Module:
    return Mixer(first_layer(release, given.dim), given.depth, classes)


def _trained(network: nn.Module, images: Dataset[Sample], given: argparse.Namespace) -> nn.Module:
    loader = DataLoader(images, 64, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(network.parameters(), given.rate, weight_decay=0.1)
    steps = given.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=steps)
    network.train()
    for _ in range(given.epochs):
        for values, targets in loader:
            loss = nn.functional.cross_entropy(network(values), targets, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def _accuracy(network: nn.Module, images: Dataset[Sample]) -> float:
    right = [
        (network(values).argmax(dim=1) == targets).float()
        for values, targets in DataLoader(images, AT_ONCE)
    ]
    return float(torch.cat(right).mean())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, help="CIFAR-10 as folders train/CLASS and test/CLASS")
    parser.add_argument("--train", type=int, default=1000, help="images of a class")
    parser.add_argument("--test", type=int, default=200, help="images of a class")
    parser.add_argument("--kappa", type=int, default=16, help="blocks of an image")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
