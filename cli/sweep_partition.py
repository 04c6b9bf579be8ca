"""`dpkit sweep partition`: what a split and defended network keeps, and what it hides."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from cli.lists import weights, words
from cli.options import json_option, parameter_options, worker_processes
from cli.output import show
from cli.progress import voice
from dpkit.engines.local import usable_cores
from dpkit.errors import UsageError
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.partition import Partition
from dpkit.sweep.partitioning import partition_folder
from dpkit.sweep.partitionplan import PartitionPlan, PartitionRequest
from dpkit.sweep.sharing import FOREVER

_MINUTE = 60


@click.command("partition")
@click.argument("source", type=click.Path(path_type=Path), default=Path("images"))
@click.option(
    "--split-points", "splits", default="1", show_default=True, metavar="N,N",
    help="Split points, from the first.",
)  # fmt: skip
@click.option(
    "--lambda", "strengths", default="0,20", show_default=True, metavar="X,X",
    help="What distance is worth against the task; 0 defends nothing.",
)  # fmt: skip
@parameter_options(Partition, without=("split_point", "lambda_", "dtype"))
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
    "--budget", type=click.FloatRange(0.1, 10_000), metavar="MINUTES",
    help="For all attackers together, times the workers; networks come beside it.  "
    "[default: until they converge]",
)  # fmt: skip
@click.option("--retry-cut", is_flag=True, help="Train attackers again that an earlier budget cut.")
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
    help="For cells, sweep.json and sweep.svg; the same command goes on in it.",
)  # fmt: skip
@worker_processes
@json_option
def partition_command(source: Path, *, as_json: bool, **values: Any) -> None:
    """Split and defend a network, λ by λ, and attack it.

    For each split point, λ and seed: the accuracy, and what every attacker of the network's kind
    makes of the values once it is trained anew. Nothing is released; what is printed and written is
    made of your originals, and is for you alone. The same command goes on with a run that was
    stopped; more split points, λ, seeds or attackers add to what is there.

    \b
    Example:
      dpkit sweep partition digits --network mlp --lambda 0,20 --split-points 1,3 --out sweep
    """  # noqa: D301 (click's mark against rewrapping)
    read = ReadOptions(size=values["size"], channels=values["channels"])
    request = PartitionRequest(source, values["out"], _plan(values), read, Split(values["split"]))
    with voice() as speaking:
        sweep = partition_folder(request, speaking)
    show(sweep.facts(), sweep.lines(), as_json=as_json)


def _plan(values: dict[str, Any]) -> PartitionPlan:
    chosen = {f.name: values[f.name] for f in fields(Partition) if f.name in values}
    names, budget = values["attackers"], values["budget"]
    return PartitionPlan(
        sanitizer=Partition(**chosen),
        splits=_whole(values["splits"]),
        strengths=weights(values["strengths"]),
        seeds=values["seeds"],
        attackers=() if names == "all" else words(names.replace("-", " ")),
        is_full=not values["quick"],
        seconds=FOREVER if budget is None else _MINUTE * budget,
        retries_cut=values["retry_cut"],
        workers=values["workers"] or usable_cores(),
    )


def _whole(text: str) -> tuple[int, ...]:
    pieces = text.split(",")
    if not all(re.fullmatch(r"\d{1,2}", piece, re.ASCII) for piece in pieces):
        raise UsageError(f"--split-points {text!r} is no list of numbers", remedy="such as 1,2,3")
    return tuple(dict.fromkeys(map(int, pieces)))
