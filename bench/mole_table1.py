"""Table 1 of MoLe: networks that learn from plain images, from morphed ones, and with Aug-Conv.

The paper's protocol has the developer's first layer come from a network that was trained on other
images than those that are morphed. Here it comes from other classes: the developer has the first
five of CIFAR-10, the provider the last five. Networks are small and trainings short, for a
processor; every case is trained from the same seeds.

    a0   plain images, every layer learns
    a    plain images, the first layer fixed
    b    morphed images, Aug-Conv made from that first layer
    b′   the same with the secret order of the maps undone, which makes it the network of a
    c    morphed images, a first layer that learns
    d    the same where blocks are patches and the core is orthogonal
    a~   a, with features rounded as coarsely as those of b: how fast two runs part by that alone
    m    a network without convolutions, which cannot tell D from T

It takes the better part of an hour, so `python -m bench` alone leaves it out. Each finished
training is written to `mole.jsonl`, the exchanges stay in the folder; a run that was killed goes on
behind them.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from bench.cifar import PACKED, VARIABLE, Pictures, cifar
from bench.mole_exchange import Exchange, Shown, exchange, plain
from bench.mole_results import Row, figures, table
from bench.mole_training import Recipe, learn
from bench.notebook import Notebook
from dpkit.developer import find_first_conv, replace_first_conv
from dpkit.nets import VGG, VisionTransformer
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.morph import Morph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from bench.harness import Figure
    from bench.notebook import Result

OF_A_CLASS = {"train": 600, "test": 300}
CLASSES = 5  # of each side
SEEDS = (0, 1, 2)
MORE_SEEDS = (*SEEDS, 3, 4, 5)  # for what is to be the same
DEVELOPERS_SEED = 100
ROUNDING = 3.6e-5  # relative error of Aug-Conv's features with this Gaussian core
NORMALIZE = "0.5,0.25"


@dataclass(frozen=True)
class Case:
    """What a network learns from; `morph` None for plain images."""

    letter: str
    first: Literal["learns", "fixed", "perturbed", "augconv", "undone"]
    morph: Morph | None = None
    recipe: str = "SGD"
    make: Callable[[], nn.Module] | None = None  # where it is another network than the kind's
    seeds: tuple[int, ...] = SEEDS


@dataclass(frozen=True)
class Kind:
    name: str
    make: Callable[[], nn.Module]
    recipes: dict[str, Recipe]
    cases: tuple[Case, ...]


UNIFORM = Morph(kappa=1, core="uniform", normalize=NORMALIZE)  # the law of the authors' code
MORPH = Morph(kappa=1, normalize=NORMALIZE)
PATCHES = Morph(kappa=64, blocks="patch", normalize=NORMALIZE)
ROTATED = Morph(kappa=64, blocks="patch", core="orthogonal", normalize=NORMALIZE)


def table_1(morph: Morph, seeds: tuple[int, ...] = SEEDS) -> tuple[Case, ...]:
    """Return the paper's cases, and those that explain them."""
    return (
        Case("a0", "learns"),
        Case("a", "fixed", seeds=seeds),
        Case("b", "augconv", morph, seeds=seeds),
        Case("c", "learns", morph),
        Case("b′", "undone", morph, seeds=SEEDS[:1]),
    )


def perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 128), nn.ReLU(inplace=True), nn.Linear(128, CLASSES)
    )


KINDS = (
    Kind(
        "VGG-16",
        lambda: VGG(layers=16, width=8, hidden=64, pool=1, dropout=0.0, classes=CLASSES),
        {"SGD": Recipe(epochs=8, rate=0.03)},
        (
            *table_1(MORPH, MORE_SEEDS),
            Case("a~", "perturbed", seeds=SEEDS[:1]),
            Case("m", "learns", make=perceptron),
            Case("m, morphed", "learns", MORPH, make=perceptron),
            Case("b, uniform core", "augconv", UNIFORM),
            Case("c, uniform core", "learns", UNIFORM),
        ),
    ),
    Kind(
        "ViT",
        lambda: VisionTransformer(
            image_size=32, patch=4, dim=48, layers=2, heads=3, hidden=96, classes=CLASSES
        ),
        {"SGD": Recipe(epochs=8, rate=0.1), "Adam": Recipe(epochs=8, rate=0.003, adam=True)},
        (
            Case("a0", "learns", seeds=MORE_SEEDS),
            *table_1(PATCHES)[1:],
            Case("d", "learns", ROTATED, seeds=MORE_SEEDS),
            Case("a0, Adam", "learns", recipe="Adam"),
            Case("d, Adam", "learns", ROTATED, recipe="Adam"),
        ),
    ),
)


def run(folder: Path) -> list[Figure]:
    pictures = cifar(OF_A_CLASS)
    if pictures is None:
        print(f"mole: no {PACKED.name} beside the repository, and no folder in {VARIABLE}")
        return []
    torch.set_num_threads(1)
    found: list[Figure] = []
    text = ""
    for kind in KINDS:
        study = Study(kind, pictures, folder / "mole", Notebook(folder / "mole.jsonl"))
        rows = study.run()
        found += figures(kind.name, rows)
        text += table(kind.name, rows)
        (folder / "mole.md").write_text(text)
    print(text)
    return found


class Reordered(nn.Module):
    """Maps in the developer's order again: map i of the Aug-Conv is their map `order[i]`."""

    def __init__(self, order: Tensor) -> None:
        super().__init__()
        self.register_buffer("places", order.argsort())

    def forward(self, features: Tensor) -> Tensor:
        return features[:, self.places]


class Study:
    """One kind of network, and pictures of which each side has one half of the classes."""

    def __init__(
        self, kind: Kind, pictures: dict[str, Pictures], folder: Path, notebook: Notebook
    ) -> None:
        self.kind, self.folder, self.notebook = kind, folder, notebook
        self.others = {name: _half(whole, 0) for name, whole in pictures.items()}
        self.parts = {name: _half(whole, 1) for name, whole in pictures.items()}
        self.exchanged = cache(self._exchanged)

    def run(self) -> list[Row]:
        """Return a row for each case; a whole table stands after each seed."""
        rows = {case: Row(case.letter) for case in self.kind.cases}
        for seed in MORE_SEEDS:
            for case, row in rows.items():
                if seed in case.seeds:
                    row.results.append(self._result(case, seed))
        return list(rows.values())

    def _result(self, case: Case, seed: int) -> Result:
        recipe = self.kind.recipes[case.recipe]
        pixels = [part.pixels for side in (self.others, self.parts) for part in side.values()]
        subject = {
            "kind": self.kind.name, "modules": str(self._make(case)()), "first": case.first,
            "morph": parameters(case.morph) if case.morph else None, "recipe": asdict(recipe),
            "pixels": _digest(*pixels), "seed": seed, "torch": torch.__version__,
        }  # fmt: skip

        def work() -> Result:
            train, test = (self._shown(case, part) for part in ("train", "test"))
            found = learn(self._network(case, seed), train, test, recipe, seed)
            print(f"mole: {self.kind.name} {case.letter}, seed {seed}: {found}", flush=True)
            return found

        return self.notebook.once(subject, work)

    def _shown(self, case: Case, part: str) -> Shown:
        if case.morph is None:
            return plain(self.parts[part], NORMALIZE)
        shown: Shown = getattr(self.exchanged(case.morph), part)
        return shown

    def _network(self, case: Case, seed: int) -> nn.Module:
        """Return a new network: the same seed draws the same weights behind the first layer."""
        network = self._new(self._make(case), seed)
        if case.first in ("fixed", "perturbed"):
            there = self.exchanged(self._paper())
            _, conv = find_first_conv(network)
            conv.weight.data.copy_(torch.from_numpy(there.first.weight))
            conv.bias.data.copy_(torch.from_numpy(there.first.bias))
            conv.requires_grad_(False)
            if case.first == "perturbed":
                conv.register_forward_hook(_rounded)
        elif case.first != "learns":
            there = self.exchanged(case.morph)
            name, _ = find_first_conv(network)
            replace_first_conv(network, there.layer, notice=lambda _: None)
            if case.first == "undone":
                parent, _, own = name.rpartition(".")
                reordered = nn.Sequential(there.layer, Reordered(there.order))
                setattr(network.get_submodule(parent), own, reordered)
        return network

    def _make(self, case: Case) -> Callable[[], nn.Module]:
        return case.make or self.kind.make

    def _new(self, make: Callable[[], nn.Module], seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return make()

    def _paper(self) -> Morph:
        return next(case.morph for case in self.kind.cases if case.first == "augconv")

    def _exchanged(self, morph: Morph) -> Exchange:
        folder = self.folder / f"{self.kind.name} {morph.blocks} {morph.core} {morph.kappa}"
        return exchange(folder, self.parts, morph, self._developers)

    def _developers(self) -> nn.Module:
        """Return the network that the developer has trained on images of their own."""
        network = self._new(self.kind.make, DEVELOPERS_SEED)
        train, test = (plain(self.others[part], NORMALIZE) for part in ("train", "test"))
        found = learn(network, train, test, self.kind.recipes["SGD"], DEVELOPERS_SEED)
        print(f"mole: {self.kind.name} of the developer: {found['accuracy']:.3f}", flush=True)
        return network


def _rounded(_conv: nn.Module, _given: object, features: Tensor) -> Tensor:
    """Return features with an error of the size that Aug-Conv's have, and no other likeness."""
    draws = torch.Generator().manual_seed(len(features))
    return features * (1 + ROUNDING * torch.randn(features.shape, generator=draws))


def _half(whole: Pictures, number: int) -> Pictures:
    chosen = whole.labels // CLASSES == number
    return Pictures(whole.pixels[chosen], whole.labels[chosen] % CLASSES)


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
