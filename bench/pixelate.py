"""What differentially private pixelation shows, and what a network learns of it, by ε.

"Privacy Partitioning", Fig. 7, draws SSIM and accuracy against ε for CIFAR-10 with b = 2 and m = 1;
its figures are not at hand, so only the course can be set beside. Here a small residual network
learns from a part of CIFAR-10, and of crops of blood cells, as released, and is tested on other
images released in the same way. Beside the SSIM of the release stands that of what `smooth-pixels`
makes of it, which is what a reader sees.

Each finished training is written to `pixelate.jsonl`; a run that was killed goes on behind it.
That, and stated seeds, are what a release does not have: it draws its secret anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.blood_cells import blood_cells
from bench.cifar import cifar
from bench.harness import Figure
from bench.notebook import Notebook
from bench.training import Recipe, accuracy_after_training
from dpkit.leakage.attacks import smooth_pixels
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.metrics import score
from dpkit.nets import ResNet
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.pixelate import Pixelate
from dpkit.types import Geometry, ImageBatch, Secret
from dpkit.types.adversary import AdversaryView

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.cifar import Pictures
    from bench.notebook import Result

EPSILONS = (0.5, 1.0, 2.0, 5.0, 20.0, 50.0, 200.0)
SEEDS = (0, 1)
OF_A_CLASS = {"train": 200, "test": 100}
RECIPE = Recipe()
SEEN = 200  # images of which SSIM is taken


@dataclass(frozen=True)
class Set:
    """Pictures to learn from and to be tested on, and how they are pixelated."""

    name: str
    train: Pictures
    test: Pictures
    scheme: Pixelate  # its ε does not count

    @property
    def geometry(self) -> Geometry:
        _, height, width, channels = self.train.pixels.shape
        return Geometry(channels, height, width, 8)

    @property
    def guess(self) -> float:
        return float((self.test.labels == np.bincount(self.train.labels).argmax()).mean())


def run(folder: Path) -> list[Figure]:
    torch.set_num_threads(1)
    notebook = Notebook(folder / "pixelate.jsonl")
    figures, lines = [], []
    for one in _sets():
        rows = [(None, _measured(one, None, notebook))]
        rows += [(epsilon, _measured(one, epsilon, notebook)) for epsilon in EPSILONS[::-1]]
        figures += [_figure(one, *row) for row in rows]
        lines += _table(one, rows)
    (folder / "pixelate.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return figures


def _sets() -> list[Set]:
    photographs, cells = (
        cifar({"train": 200, "test": 100}),
        blood_cells({"train": 200, "test": 100}),
    )
    kinds = (
        ("CIFAR-10", photographs, Pixelate(cell=2, neighborhood=1)),
        ("blood cells", cells, Pixelate(cell=8, neighborhood=16)),
    )
    for name, found, _ in kinds:
        if found is None:
            print(f"pixelate: no pictures of {name}")
    return [Set(name, p["train"], p["test"], scheme) for name, p, scheme in kinds if p]


def _measured(one: Set, epsilon: float | None, notebook: Notebook) -> list[Result]:
    """Return what came of each seed; without ε, of the pictures as they are."""
    scheme = None if epsilon is None else replace(one.scheme, epsilon=epsilon)
    results = []
    for seed in SEEDS:
        subject = {
            "set": one.name,
            "scheme": str(scheme),
            "pictures": _digest(one.train.pixels, one.train.labels, one.test.pixels),
            "recipe": asdict(RECIPE),
            "seed": seed,
            "torch": torch.__version__,
        }
        results.append(notebook.once(subject, partial(_once, one, scheme, seed)))
    return results


def _once(one: Set, scheme: Pixelate | None, seed: int) -> Result:
    train, test = (_values(one, scheme, part, seed) for part in ("train", "test"))
    accuracy = accuracy_after_training(
        lambda: ResNet(layers=(1, 1, 1), width=24, classes=int(one.train.labels.max()) + 1),
        (train, one.train.labels),
        (test, one.test.labels),
        recipe=RECIPE,
        is_augmented=False,
        seed=seed,
    )
    print(f"pixelate: {one.name}, {scheme}, seed {seed}: {accuracy:.3f}", flush=True)
    seen = np.random.default_rng(seed).permutation(len(test))[:SEEN]
    return {"accuracy": accuracy, **_looks(one, scheme, test[seen], one.test.pixels[seen])}


def _values(one: Set, scheme: Pixelate | None, part: str, seed: int) -> NDArray[np.uint8]:
    pixels = getattr(one, part).pixels
    if scheme is None:
        return np.ascontiguousarray(np.moveaxis(pixels, -1, 1))
    secret = Secret(hashlib.sha256(f"pixelate {seed}".encode()).digest())
    ids = np.array([f"{part}{row:020d}" for row in range(len(pixels))], dtype="S26")
    batch = ImageBatch(pixels, np.zeros(len(pixels), np.int64), ids, ids)
    return scheme.apply(batch, scheme.fit(one.geometry, secret), one.geometry).values


def _looks(
    one: Set, scheme: Pixelate | None, values: NDArray[np.uint8], originals: NDArray[np.uint8]
) -> Result:
    if scheme is None:
        return {"ssim": 1.0, "filtered": 1.0}
    affine = np.array([[1.0] * one.geometry.channels, [0.0] * one.geometry.channels])
    view = AdversaryView(values, one.geometry, "pixelate", parameters(scheme), affine)
    filtered = np.moveaxis(smooth_pixels.run(view, Effort()).images, -1, 1)
    return {"ssim": _ssim(originals, values), "filtered": _ssim(originals, filtered)}


def _ssim(originals: NDArray[np.uint8], values: NDArray[np.generic]) -> float:
    found = score(originals, values.astype(np.float32), 255, stretch=False)
    return float(found["ssim"].mean())


def _figure(one: Set, epsilon: float | None, results: list[Result]) -> Figure:
    case = f"{one.name}, {'as they are' if epsilon is None else f'ε {epsilon:g}'}"
    accuracy, ssim, filtered = (_of(results, name) for name in ("accuracy", "ssim", "filtered"))
    return Figure(
        "pixelate", case, float(accuracy.mean()), "accuracy",
        detail=f"{accuracy.min():.3f} to {accuracy.max():.3f}; guess {one.guess:.3f}; SSIM "
        f"{ssim.mean():.2f}, filtered {filtered.mean():.2f}",
    )  # fmt: skip


def _table(one: Set, rows: list[tuple[float | None, list[Result]]]) -> list[str]:
    """Return Markdown: accuracies as mean (least to most over the seeds)."""
    size = f"{one.geometry.height}x{one.geometry.width}"
    setting = f"b {one.scheme.cell}, m {one.scheme.neighborhood}; guess {one.guess:.2f}"
    lines = [
        f"{one.name}, {size}, {setting}:",
        "",
        "| ε | noise of a mean, λ | SSIM | SSIM filtered | accuracy |",
        "|---|---|---|---|---|",
    ]
    for epsilon, results in rows:
        scale = "none"
        if epsilon is not None:
            of_sum = replace(one.scheme, epsilon=epsilon).scale(one.geometry)
            scale = f"{float(of_sum) / one.scheme.cell**2:.3g}"
        reached = _of(results, "accuracy")
        spread = f"{reached.mean():.3f} ({reached.min():.3f} to {reached.max():.3f})"
        name = "originals" if epsilon is None else f"{epsilon:g}"
        looks = [f"{_of(results, key).mean():.2f}" for key in ("ssim", "filtered")]
        lines.append(f"| {' | '.join([name, scale, *looks, spread])} |")
    return [*lines, ""]


def _of(results: list[Result], name: str) -> NDArray[np.float64]:
    return np.array([result[name] for result in results])


def _digest(*arrays: NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
