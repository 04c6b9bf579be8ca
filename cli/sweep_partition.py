"""`dpkit sweep partition`: what a split and defended network keeps, and what it hides."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cli.lists import weights
from cli.options import json_option
from cli.output import show
from cli.progress import voice
from dpkit.errors import UsageError
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sweep.partitioning import PartitionPlan, PartitionRequest, partition_folder


@click.command("partition")
@click.argument("source", type=click.Path(path_type=Path), default=Path("images"))
@click.option(
    "--network", type=click.Choice(["mlp", "cnn", "vgg19"]), default="mlp", show_default=True,
    help="A perceptron, a small convolutional network, or VGG-19.",
)  # fmt: skip
@click.option(
    "--split-points",
    "splits",
    default="1",
    show_default=True,
    metavar="N,N",
    help="Split points, from the first.",
)
@click.option(
    "--lambda", "strengths", default="0,20", show_default=True, metavar="X,X",
    help="What distance is worth against the task; 0 defends nothing.",
)  # fmt: skip
@click.option(
    "--defenders", type=click.IntRange(0, 4), default=4, show_default=True,
    help="Defenders beside the network.",
)  # fmt: skip
@click.option(
    "--distance", type=click.Choice(["mse", "ssim"]), default="mse", show_default=True,
    help="What defenders lower and the network raises.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1, 10_000), default=30, show_default=True,
    help="Passes over the images, at most.",
)  # fmt: skip
@click.option(
    "--width", type=click.IntRange(0, 1_024), default=0, show_default=True,
    help="Of the network; 0 is its usual.",
)  # fmt: skip
@click.option(
    "--seeds", type=click.IntRange(1, 100), default=3, show_default=True,
    help="Repetitions, each with weights and attackers of its own.",
)  # fmt: skip
@click.option(
    "--attackers", default="all", show_default=True, metavar="all|A,B",
    help="Which attackers, by name; a space in a name may be a hyphen.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Attackers of 1,500 steps at most.")
@click.option(
    "--split", default="70/10/20", show_default=True, metavar="folders|70/10/20",
    help="Parts: folders named train, val, test; or percent.",
)  # fmt: skip
@click.option(
    "--size", default="auto", show_default=True, metavar="auto|N|HxW",
    help="auto keeps the one size that all images share, else 32.",
)  # fmt: skip
@click.option(
    "--channels", type=click.Choice(["auto", "rgb", "grey"]), default="auto", show_default=True,
    help="auto takes what 99% of the images have.",
)  # fmt: skip
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), required=True, metavar="FOLDER",
    help="For cases, sweep.json and sweep.svg; the same command goes on in it.",
)  # fmt: skip
@json_option
def partition_command(  # noqa: PLR0917 (one for each option, as click gives them)
    source: Path,
    network: str,
    splits: str,
    strengths: str,
    defenders: int,
    distance: str,
    epochs: int,
    width: int,
    seeds: int,
    attackers: str,
    split: str,
    size: str,
    channels: str,
    out: Path,
    *,
    quick: bool,
    as_json: bool,
) -> None:
    """Split and defend a network, λ by λ, and attack it.

    For each split point, λ and seed: the accuracy, and what every attacker of the network's kind
    makes of the values once it is trained anew. Nothing is released; what is printed and written is
    made of your originals, and is for you alone. The same command goes on with a run that was
    stopped.

    \b
    Example:
      dpkit sweep partition digits --network mlp --lambda 0,20 --split-points 1,3 --out sweep
    """  # noqa: D301 (click's mark against rewrapping)
    plan = PartitionPlan(
        network=network,
        splits=_whole(splits),
        strengths=weights(strengths),
        seeds=seeds,
        defenders=defenders,
        distance=distance,
        epochs=epochs,
        width=width,
        attackers=() if attackers == "all" else tuple(attackers.replace("-", " ").split(",")),
        is_full=not quick,
    )
    read = ReadOptions(size=size, channels=channels)  # type: ignore[arg-type]  # click has checked it
    request = PartitionRequest(source, out, plan, read, Split(split))
    with voice() as speaking:
        sweep = partition_folder(request, speaking)
    show(sweep.facts(), sweep.lines(), as_json=as_json)


def _whole(text: str) -> tuple[int, ...]:
    pieces = text.split(",")
    if not all(re.fullmatch(r"\d{1,2}", piece, re.ASCII) for piece in pieces):
        raise UsageError(f"--split-points {text!r} is no list of numbers", remedy="such as 1,2,3")
    return tuple(dict.fromkeys(map(int, pieces)))
