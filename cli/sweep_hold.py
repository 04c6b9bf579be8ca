"""`dpkit sweep hold`: how sure a network stays as the window grows."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cli.options import json_option
from cli.output import show
from cli.progress import voice
from dpkit.errors import UsageError
from dpkit.readers.choice import ReadOptions
from dpkit.sweep.held import HoldRequest, hold_folder
from dpkit.sweep.hold import HoldPlan

MOST_WINDOWS = 4096
_WINDOWS = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*", re.ASCII)


@click.command("hold")
@click.argument("source", type=click.Path(path_type=Path), default=Path("images"))
@click.option(
    "--model",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The network's weights: safetensors, or a state dict.",
)
@click.option(
    "--network",
    metavar="NAME|module:factory",
    help="Which network, where the file does not say; a factory is your code, and is run.",
)
@click.option(
    "--normalize",
    metavar="none|imagenet|mean,std",
    help="What is done to pixels before.  [default: what the file says, else none]",
)
@click.option("--layers", required=True, metavar="A,B", help="Layers whose input is held, by name.")
@click.option(
    "--windows",
    default="1,2,4,8,16,32,64,128",
    show_default=True,
    metavar="N,N-N",
    help="Samples of a window; 2-150 is all from 2 to 150.",
)
@click.option(
    "--cascade",
    "cascades",
    multiple=True,
    metavar="A:N,B:M",
    help="Layers that are held in one pass, each with its window; repeatable.",
)
@click.option(
    "--degree",
    default=1.0,
    show_default=True,
    help="γ: counted is where the probability falls to 2^-γ of its value or less.",
)
@click.option(
    "--images",
    type=click.IntRange(1, 65536),
    default=256,
    show_default=True,
    help="Images, at most; drawn from the folder.",
)
@click.option(
    "--size",
    default="auto",
    show_default=True,
    metavar="auto|N|HxW",
    help="auto keeps the one size that all images share, else 224.",
)
@click.option(
    "--channels",
    type=click.Choice(["auto", "rgb", "grey"]),
    default="auto",
    show_default=True,
    help="auto takes what 99% of the images have.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of the draw of images.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A new folder for sweep.json and sweep.svg.",
)
@json_option
def hold_command(  # noqa: PLR0917 (one for each option, as click gives them)
    source: Path,
    model: Path,
    network: str | None,
    normalize: str | None,
    layers: str,
    windows: str,
    cascades: tuple[str, ...],
    degree: float,
    images: int,
    size: str,
    channels: str,
    seed: int,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Sample and hold a network's feature maps, window by window.

    For each layer and window: the probability of the class that the network gives to the image as
    it is, and how many images keep that class. Nothing is released; what is printed and written is
    made of your originals, and is for you alone.

    \b
    Example:
      dpkit sweep hold images --model net.safetensors --layers features.3,features.6
      dpkit sweep hold images --model net.safetensors --layers 3 --cascade 3:8,6:16
    """  # noqa: D301 (click's mark against rewrapping)
    request = HoldRequest(
        source=source,
        model=model,
        plan=HoldPlan(
            layers=tuple(dict.fromkeys(layers.split(","))),
            windows=_windows(windows),
            cascades=tuple(_steps(text) for text in cascades),
            degree=degree,
        ),
        network=network,
        normalize=normalize,
        read=ReadOptions(size=size, channels=channels),  # type: ignore[arg-type]  # click has checked it
        images=images,
        seed=seed,
        out=out,
    )
    with voice() as speaking:
        held = hold_folder(request, speaking)
    show(held.facts(), held.lines(), as_json=as_json)


def _windows(text: str) -> tuple[int, ...]:
    if not _WINDOWS.fullmatch(text):
        raise UsageError(f"--windows {text!r} is no list of numbers", remedy="such as 1,2,4 or 2-9")
    found: set[int] = set()
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        found |= {*range(int(first), min(int(last or first), int(first) + MOST_WINDOWS) + 1)}
    if not 0 < len(found) <= MOST_WINDOWS:
        raise UsageError(
            f"--windows {text!r} is none, or more than {MOST_WINDOWS}", remedy="such as 1,2,4"
        )
    return tuple(sorted(found))


def _steps(text: str) -> tuple[tuple[str, int], ...]:
    """Read `layer:window,layer:window`."""
    steps = [piece.rpartition(":") for piece in text.split(",")]
    if len(steps) <= 1 or not all(
        layer and re.fullmatch(r"[0-9]{1,9}", n) for layer, _, n in steps
    ):
        raise UsageError(
            f"--cascade {text!r} is not understood", remedy="such as features.3:8,features.6:16"
        )
    return tuple((layer, int(n)) for layer, _, n in steps)
