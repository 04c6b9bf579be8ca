"""`dpkit sweep obfuscate`: what an adversary of the training costs and hides, over λ."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from cli.lists import weights, words
from cli.options import json_option, parameter_options, worker_processes
from cli.output import show
from cli.progress import voice
from dpkit.engines.local import usable_cores
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.obfuscate import Obfuscate
from dpkit.sweep.obfuscate import KINDS, ObfuscateSweep
from dpkit.sweep.obfuscating import obfuscate_folder

_MINUTE = 60


@click.command("obfuscate")
@click.argument("source", type=click.Path(path_type=Path), default=Path("images"))
@click.option(
    "--lambda",
    "weights",
    default="0.05,0.1,0.2",
    show_default=True,
    metavar="X,X",
    help="Weights of the adversary; 0, without a defence, is always beside them.",
)
@parameter_options(Obfuscate, without=("lambda_", "dtype"))
@click.option(
    "--attackers",
    default=",".join(KINDS),
    show_default=True,
    metavar="A,B",
    help="Reconstructors that are trained against each obfuscator.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Repetitions, each with obfuscators and attackers of its own.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0.1, 10_000),
    default=30.0,
    show_default=True,
    metavar="MINUTES",
    help="For all attackers together, times the workers; trainings come beside it.",
)
@click.option("--retry-cut", is_flag=True, help="Train attackers again that an earlier budget cut.")
@click.option(
    "--pairs",
    type=click.IntRange(20, 1_000_000),
    default=5000,
    show_default=True,
    help="Images that an attacker learns from, at most.",
)
@click.option(
    "--targets",
    type=click.IntRange(20, 1_000_000),
    default=500,
    show_default=True,
    help="Images of the test part that it is scored on, at most.",
)
@click.option(
    "--split",
    default="folders",
    show_default=True,
    metavar="folders|80/10/10",
    help="Parts: folders named train, val, test; or percent.",
)
@click.option(
    "--size",
    default="auto",
    show_default=True,
    metavar="auto|N|HxW",
    help="auto keeps the one size that all images share, else 32.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of trainings and draws; a sweep's obfuscators are never released.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    default="sweep",
    show_default=True,
    metavar="FOLDER",
    help="Where results and finished cells lie; the same command goes on there.",
)
@worker_processes
@json_option
def obfuscate_command(source: Path, *, as_json: bool, **values: Any) -> None:
    """Train obfuscators over λ, attack each by fresh reconstructors, and compare.

    Accuracy on the test part and the best PSNR and SSIM of any attacker, beside what no release is
    needed for. Nothing is released; the folder is made of your originals, and is for you alone.

    \b
    Example:
      dpkit sweep obfuscate images --lambda 0.05,0.2 --width 8 --epochs 12 --budget 30
    """  # noqa: D301 (click's mark against rewrapping)
    chosen = {f.name: values[f.name] for f in fields(Obfuscate) if f.name in values}
    request = ObfuscateSweep(
        source=source,
        out=values["out"],
        weights=weights(values["weights"]),
        sanitizer=Obfuscate(**chosen),
        kinds=words(values["attackers"]),
        seeds=values["seeds"],
        seconds=_MINUTE * values["budget"],
        pairs=values["pairs"],
        targets=values["targets"],
        split=Split(values["split"]),
        read=ReadOptions(size=values["size"]),
        seed=values["seed"],
        retries_cut=values["retry_cut"],
        workers=values["workers"] or usable_cores(),
    )
    with voice() as speaking:
        found = obfuscate_folder(request, speaking)
    show(found.facts(), found.lines(), as_json=as_json)
