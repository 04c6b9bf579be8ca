"""Train on the feature maps of a release of `obfuscate`, `partition` or `hold`, from its folder.

    python samples/train_on_maps.py release --epochs 20 --out answers.pt

Where the release holds the rest of the provider's network, training goes on from it; else a small
network begins anew. Beside each accuracy stands the share of the largest class, which an answer
without looking would reach.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dpkit.developer import ReleaseDataset, remote_part
from dpkit.errors import DpkitError
from dpkit.release.tree import REMOTE


class Answers(nn.Module):
    """Maps [n,c,h,w] → scores [n,classes]: standardized, two convolutions, an average, a layer."""

    def __init__(self, release: ReleaseDataset, classes: int, width: int = 64) -> None:
        super().__init__()
        training = release.release.manifest.training
        mean, std = (torch.tensor(training[name]).reshape(-1, 1, 1) for name in ("mean", "std"))
        self.register_buffer("mean", mean)
        self.register_buffer("std", torch.where(std > 0, std, torch.ones_like(std)))
        self.layers = nn.Sequential(
            nn.Conv2d(len(mean), width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, classes),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return the scores of each class."""
        scores: Tensor = self.layers((maps - self.mean) / self.std)
        return scores


def main() -> None:
    """Train, print one line an epoch, and keep the network."""
    given = _arguments()
    torch.manual_seed(given.seed)
    train = _part(given.release, "train")
    parts = {part.part for part in train.release.manifest.parts}
    held_out = next((part for part in ("validation", "test") if part in parts), "train")
    test = _part(given.release, held_out)
    network = begin(train)
    one_left = len(train) > given.batch and len(train) % given.batch == 1
    loader = DataLoader(train, given.batch, shuffle=True, drop_last=one_left)  # a batch norm
    if held_out == "train":
        print("no part is held out: accuracy is of the images that are learned from")
    optimizer = torch.optim.AdamW(network.parameters(), given.rate, weight_decay=0.01)
    print(f"{train}\nlargest class: {_largest_share(test):.3f} of the {held_out} part")
    print(f"before training {accuracy(network, test):.3f}")
    for epoch in range(1, given.epochs + 1):
        loss = _train(network, loader, optimizer)
        print(f"{epoch:5} loss {loss:6.3f}  accuracy {accuracy(network, test):.3f}")
    if given.out:
        torch.save(network, given.out)


def begin(train: ReleaseDataset) -> nn.Module:
    """Return the rest of the provider's network, or a new one."""
    if (Path(train.release.path) / REMOTE).exists():
        return remote_part(train.release.path)
    return Answers(train, len(train.class_to_idx))


def _part(release: str, part: str) -> ReleaseDataset:
    """Return a part whose targets are the places of its class numbers, as scores have them.

    A provider's class numbers may have gaps: grades 1, 3 and 7 are targets 0, 1 and 2 here.
    """
    found = ReleaseDataset(release, split=part)
    places = {number: place for place, number in enumerate(sorted(found.class_to_idx.values()))}
    found.target_transform = places.__getitem__
    return found


@torch.no_grad()
def accuracy(network: nn.Module, dataset: ReleaseDataset) -> float:
    """Return the share of right answers."""
    network.eval()
    right = sum(
        int((network(maps).argmax(dim=1) == targets).sum())
        for maps, targets in DataLoader(dataset, 256)
    )
    return right / len(dataset)


def _train(
    network: nn.Module,
    loader: DataLoader[tuple[Tensor, int]],
    optimizer: torch.optim.Optimizer,
) -> float:
    network.train()
    total = 0.0
    for maps, targets in loader:
        loss = nn.functional.cross_entropy(network(maps), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    return total


def _largest_share(dataset: ReleaseDataset) -> float:
    return max(Counter(dataset.targets).values()) / len(dataset)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="where the network is kept")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except DpkitError as error:
        raise SystemExit(str(error)) from None
