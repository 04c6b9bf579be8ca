"""What block mixing costs the developer, and what it hides: accuracy beside SSIM and linkage.

Block mixing's Tables II, III and Fig. 12 say that networks trained on mixed images keep their
accuracy. Neither set is at hand: here two small networks learn from a part of CIFAR-10, as it is
and mixed, with and without the augmentation of section V.E, and are tested on images as they are.
Beside each accuracy stand the mean SSIM to the originals and the share of mixed images whose
owner a vote of the blocks finds (bench/owners.py).

It takes the better part of an hour, so `python -m bench` alone leaves it out. Each finished
training is written to `utility.jsonl`; a run that was killed goes on behind it. Mixing in one
process with a stated seed is what makes that possible: a release draws its secret anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.cifar import PACKED, VARIABLE, cifar
from bench.harness import Figure
from bench.notebook import Notebook
from bench.owners import mixed, owners_found
from bench.training import Recipe, accuracy_after_training
from bench.utility_table import Row, draw, table
from dpkit.leakage.metrics import score
from dpkit.nets import VGG, ResNet
from dpkit.sanitizers.mix import Mix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from bench.cifar import Pictures
    from bench.notebook import Result
    from dpkit.types import Json

OF_A_CLASS = {"train": 400, "test": 200}
CLASSES = 10
SIDES = {4: 16, 16: 8, 64: 4, 256: 2}  # N_b: side of a block in images of 32x32
ROUNDS = (1, 3)
MIXES = (None, *(Mix(Lb=side, Wb=side, Nt=rounds) for rounds in ROUNDS for side in SIDES.values()))
SEEDS = (0, 1, 2)
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ResNet": lambda: ResNet(layers=(1, 1, 1), width=24, classes=CLASSES),
    "VGG-11": lambda: VGG(layers=11, width=8, hidden=64, pool=1, dropout=0.0, classes=CLASSES),
}
LEAST_ACCURACY = 0.5  # on originals; networks that do not learn would say nothing about mixing


def run(folder: Path) -> list[Figure]:
    pictures = cifar(OF_A_CLASS)
    if pictures is None:
        print(f"utility: no {PACKED.name} beside the repository, and no folder in {VARIABLE}")
        return []
    torch.set_num_threads(1)
    study = Study(pictures["train"], pictures["test"], NETWORKS, Recipe())
    rows = study.run(Notebook(folder / "utility.jsonl"), MIXES, SEEDS)
    text = table(rows, study.guess)
    (folder / "utility.md").write_text(text)
    print(text)
    draw(rows, study.guess, folder / "utility.png")
    return [_figure(row, name) for row in rows for name in NETWORKS]


@dataclass(frozen=True)
class Study:
    """Networks that learn from one set of pictures, mixed or not, and are tested on another."""

    train: Pictures
    test: Pictures
    networks: dict[str, Callable[[], nn.Module]]
    recipe: Recipe

    @property
    def guess(self) -> float:
        """The accuracy of always naming the most frequent class of the training pictures."""
        return float((self.test.labels == np.bincount(self.train.labels).argmax()).mean())

    def run(
        self, notebook: Notebook, mixes: tuple[Mix | None, ...], seeds: tuple[int, ...]
    ) -> list[Row]:
        """Return a row for each mix; a whole table stands after each seed."""
        rows = {mix: Row.of(mix, self.train.pixels.shape[1:3], self.networks) for mix in mixes}
        for seed in seeds:
            for mix, row in rows.items():
                self._learn_from(mix, seed, row, notebook)
        return list(rows.values())

    def _learn_from(self, mix: Mix | None, seed: int, row: Row, notebook: Notebook) -> None:
        values = self._values(mix, seed)
        subject: dict[str, Json] = {"mix": str(mix), "pixels": _digest(values, self.train.labels)}
        looks = notebook.once(
            subject | {"originals": _digest(self.train.pixels)}, partial(self._looks, mix, values)
        )
        row.ssim.append(looks["ssim"])
        row.owners.append(looks["owners"])
        for (name, is_augmented), accuracies in row.accuracies.items():
            exact = subject | self._training_subject(name)
            exact |= {"augmented": is_augmented, "seed": seed}
            work = partial(self._trained, values, name, is_augmented, seed)
            accuracies.append(notebook.once(exact, work)["accuracy"])

    def _values(self, mix: Mix | None, seed: int) -> NDArray[np.uint8]:
        if mix is None:
            return np.ascontiguousarray(np.moveaxis(self.train.pixels, -1, 1))
        secret = hashlib.sha256(f"utility {seed}".encode()).digest()
        return mixed(self.train.pixels, self.train.labels, mix, secret)

    def _looks(self, mix: Mix | None, values: NDArray[np.uint8]) -> Result:
        if mix is None:
            return {"ssim": 1.0, "owners": 1.0}
        ssim = score(self.train.pixels, values, 255)["ssim"]
        return {
            "ssim": float(ssim.mean()),
            "owners": owners_found(self.train.pixels, values, mix),
        }

    def _training_subject(self, name: str) -> dict[str, Json]:
        return {
            "network": name,
            "modules": hashlib.sha256(str(self.networks[name]()).encode()).hexdigest(),
            "test": _digest(self.test.pixels, self.test.labels),
            "recipe": asdict(self.recipe),
            "torch": torch.__version__,
        }

    def _trained(
        self, values: NDArray[np.uint8], name: str, is_augmented: bool, seed: int
    ) -> Result:
        tested = np.ascontiguousarray(np.moveaxis(self.test.pixels, -1, 1))
        accuracy = accuracy_after_training(
            self.networks[name],
            (values, self.train.labels),
            (tested, self.test.labels),
            recipe=self.recipe,
            is_augmented=is_augmented,
            seed=seed,
        )
        print(f"utility: {name}, augmented {is_augmented}, seed {seed}: {accuracy:.3f}", flush=True)
        return {"accuracy": accuracy}


def _figure(row: Row, name: str) -> Figure:
    plain, augmented = (row.accuracies[name, is_augmented] for is_augmented in (False, True))
    return Figure(
        "utility", f"{name} from {row.title}", float(np.mean(plain)), "accuracy",
        target=LEAST_ACCURACY if row.blocks == 0 else None,
        detail=f"{min(plain):.3f} to {max(plain):.3f}; augmented {np.mean(augmented):.3f}; "
        f"SSIM {np.mean(row.ssim):.2f}; owner found {np.mean(row.owners):.2f}",
    )  # fmt: skip


def _digest(*arrays: NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
