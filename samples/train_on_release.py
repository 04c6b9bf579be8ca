"""Train a small transformer on a morphed release, from nothing but its folder.

    python samples/train_on_release.py release --epochs 30

The first layer maps each block to a token (a convolution finds nothing in morphed values); then
come ordinary transformer blocks. Beside each accuracy stands the share of the largest class,
which an answer without looking would reach.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dpkit.developer import ReleaseDataset, first_layer


class BlockTransformer(nn.Module):
    """Blocks → tokens → `depth` transformer blocks → mean → scores, [n,c,h,w] → [n,classes]."""

    def __init__(self, release: str, dim: int, depth: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.tokens = first_layer(release, dim)
        block = nn.TransformerEncoderLayer(
            dim, max(1, dim // 48), 2 * dim, dropout, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, classes))

    def forward(self, values: Tensor) -> Tensor:
        """Return the scores of each class."""
        scores: Tensor = self.head(self.blocks(self.tokens(values)).mean(dim=1))
        return scores


def main() -> None:
    """Train, and print one line an epoch."""
    given = _arguments()
    torch.manual_seed(given.seed)
    train = ReleaseDataset(given.release, split="train")
    if train.release.manifest.task != "single":
        raise SystemExit(
            f"this sample classifies; the release's task is {train.release.manifest.task}"
        )
    parts = {part.part for part in train.release.manifest.parts}
    held_out = next((part for part in ("validation", "test") if part in parts), None)
    test = ReleaseDataset(given.release, split=held_out or "train")
    if held_out is None:
        print("no validation or test part: scored on the training part, which says little")

    outputs = 1 + max(train.class_to_idx.values())
    network = BlockTransformer(given.release, given.dim, given.depth, outputs, given.dropout)
    network.to(given.device)
    loader = DataLoader(train, given.batch, shuffle=True, num_workers=given.workers)
    optimizer = torch.optim.AdamW(network.parameters(), given.rate, weight_decay=0.05)
    steps = given.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=steps)
    print(f"{train}\n{sum(p.numel() for p in network.parameters()):,} parameters, {given.device}")
    print(f"largest class: {_largest_share(test):.3f} of the {held_out or 'train'} part")
    print("epoch   loss  accuracy  seconds")
    for epoch in range(1, given.epochs + 1):
        started = time.perf_counter()
        loss = _train(network, loader, optimizer, schedule, given.device)
        accuracy = _accuracy(network, DataLoader(test, 256), given.device)
        print(f"{epoch:5} {loss:6.3f} {accuracy:9.3f} {time.perf_counter() - started:8.1f}")


def _train(
    network: nn.Module,
    loader: DataLoader[tuple[Tensor, int]],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    device: str,
) -> float:
    network.train()
    total = 0.0
    for values, targets in loader:
        loss = nn.functional.cross_entropy(network(values.to(device)), targets.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() / len(loader)
    return total


@torch.no_grad()
def _accuracy(network: nn.Module, loader: DataLoader[tuple[Tensor, int]], device: str) -> float:
    network.eval()
    right = count = 0
    for values, targets in loader:
        right += int((network(values.to(device)).argmax(dim=1).cpu() == targets).sum())
        count += len(targets)
    return right / count


def _largest_share(dataset: ReleaseDataset) -> float:
    return max(Counter(dataset.targets).values()) / len(dataset)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=found)
    return parser.parse_args()


if __name__ == "__main__":
    main()
