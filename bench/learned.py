"""What the two learned sanitizers keep and hide on a processor, by attackers trained to their ends.

1. Privacy Partitioning: the perceptron on 5,000 digits, split after its first and third layer, with
   and without a defence, under all eight attackers of the paper (Tables I and II).
2. The learnable obfuscator: a VGG of an eighth of the width on 5,000 pictures of CIFAR-10, cut
   where the paper cuts it, with and without a defence, under two of the paper's reconstructors, a
   perceptron and a linear map (Table 3). The other two take as long again: they are added by
   `dpkit sweep obfuscate` with these settings and `--attackers`.

Three seeds each. What is finished lies in `--folder`, a file each: the same command goes on where
it was stopped. Where the pictures are not at hand that half is left out, and said.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final

from bench.cifar import cifar_folder
from bench.harness import Figure
from dpkit.engines.local import usable_cores
from dpkit.sanitizers.obfuscate import Obfuscate
from dpkit.sanitizers.partition import Partition
from dpkit.sweep.obfuscate import ObfuscateSweep
from dpkit.sweep.obfuscated import lines_of
from dpkit.sweep.obfuscating import obfuscate_folder
from dpkit.sweep.partitioning import partition_folder
from dpkit.sweep.partitionplan import PartitionPlan, PartitionRequest
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from dpkit.sweep.obfuscated import Line
    from dpkit.sweep.partition import Case

DIGITS: Final = Path(__file__).parents[1] / "samples" / "digits.py"
PLAN: Final = PartitionPlan(
    Partition(network="mlp", epochs=30),
    splits=(1, 3),
    strengths=(0.0, 20.0),
    workers=usable_cores(),
)
OF_A_CLASS: Final = {"train": 500, "test": 100}
WEIGHTS: Final = (0.05,)  # beside 0
SLICE: Final = Obfuscate(backbone="vgg13", width=8, epochs=30, warmup=8, T_sub=1)
KINDS: Final = ("ridge", "mlp", "simrec", "urec1")
FEW_POINTS: Final = 5.0  # of accuracy, that a defence may cost
MINUTES: Final = 35.0  # that a process may spend on attackers of the slice


def run(folder: Path) -> list[Figure]:
    voice = Voice(notice=print)
    figures = _digits(folder, voice)
    pictures = cifar_folder(folder / "cifar10-5000", OF_A_CLASS)
    if pictures is None:
        print("learned: no pictures of CIFAR-10, so no VGG")
        return figures
    return figures + _vgg(pictures, folder, voice)


def _digits(folder: Path, voice: Voice) -> list[Figure]:
    pictures = folder / "digits-5000"
    if not pictures.exists():
        subprocess.run([sys.executable, DIGITS, pictures], check=True)
    found = partition_folder(PartitionRequest(pictures, folder / "learned-digits", PLAN), voice)
    print("\n".join(found.lines()))
    by_setting: dict[tuple[int, float], list[Case]] = {}
    for case in found.cases:
        by_setting.setdefault((case.split, case.strength), []).append(case)
    return [_partition_figure(*setting, cases) for setting, cases in by_setting.items()]


def _partition_figure(split: int, strength: float, cases: list[Case]) -> Figure:
    lost = [100 * (case.standing.undefended - case.standing.accuracy) for case in cases]
    errors = ", ".join(f"{case.best.mse:.4f}" if case.best else "none" for case in cases)
    guess = cases[0].standing.mean_image.mse
    return Figure(
        "learned", f"digits, split {split}, λ {strength:g}", fmean(lost), "points lost",
        target=FEW_POINTS, is_upper_limit=True,
        detail=f"best attacker's MSE by seed {errors}; mean image {guess:.4f}",
    )  # fmt: skip


def _vgg(pictures: Path, folder: Path, voice: Voice) -> list[Figure]:
    sweep = ObfuscateSweep(
        pictures,
        folder / "learned-vgg",
        WEIGHTS,
        SLICE,
        KINDS,
        seconds=60 * MINUTES,
        workers=usable_cores(),
    )
    found = obfuscate_folder(sweep, voice)
    print("\n".join(found.lines()))
    lines = lines_of(found.swept)
    return [_obfuscate_figure(lines[0], line) for line in lines]


def _obfuscate_figure(plain: Line, line: Line) -> Figure:
    lost = 100 * (fmean(plain.accuracy) - fmean(line.accuracy))
    reached = ", ".join("none" if each is None else f"{each.psnr:.1f}" for each in line.best())
    return Figure(
        "learned", f"VGG slice, λ {line.weight:g}", lost, "points lost",
        target=FEW_POINTS, is_upper_limit=True, detail=f"best attacker's PSNR by seed {reached}",
    )  # fmt: skip
