"""`dpkit first-conv`: what a developer hands to the provider."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.output import show
from dpkit import developer

if TYPE_CHECKING:
    from dpkit.types import FirstConv, Json


@click.command("first-conv")
@click.argument("model")
@click.option("--layer", metavar="NAME", help="The convolution; of a known network: the first.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default=True,
    default=Path("first_conv.safetensors"),
    help="The file; it must not exist.",
)
@click.option("--input-size", required=True, metavar="N|HxW", help="Size of the images.")
@click.option(
    "--normalize",
    default="none",
    show_default=True,
    help="What is done to pixels before: none, imagenet, or mean,std such as 0.5,0.25.",
)
@click.option("--stride", metavar="N|N,N", help="Down and across.  [default: 1]")
@click.option(
    "--padding",
    metavar="N|N,N|same|valid",
    help="Zeros; four numbers are top, bottom, left, right.  [default: 0]",
)
@click.option("--dilation", metavar="N|N,N", help="Down and across.  [default: 1]")
@click.option("--groups", type=click.IntRange(1, 65_535), help="Groups of channels.  [default: 1]")
@json_option
def first_conv(
    model: str,
    layer: str | None,
    out: Path,
    input_size: str,
    normalize: str,
    *,
    as_json: bool,
    **geometry: Any,
) -> None:
    """Write a network's first layer for the provider.

    MODEL is a torch file with a state dict, a .safetensors file, timm:NAME or torchvision:NAME.
    No code of it is run. A state dict does not say stride, padding, dilation and groups: give what
    differs from torch's defaults.

    \b
    Example:
      dpkit first-conv resnet.pt --layer conv1 --input-size 224 --stride 2 --padding 3
    """  # noqa: D301 (click's mark against rewrapping)
    written = developer.export_saved(
        model,
        out,
        layer=layer,
        input_size=input_size,
        normalize=normalize,
        options=developer.ConvOptions(**geometry),
    )
    told = facts(written)
    lines = [f"{name:<9} {value}" for name, value in told.items()]
    show(
        {**told, "file": str(out)},
        [*lines, f"written to {out}; give it to the provider"],
        as_json=as_json,
    )


def facts(layer: FirstConv) -> dict[str, Json]:
    """Return what a first layer is, for people and for JSON."""
    return {
        "kernel": list(layer.weight.shape[2:]),
        "input": list(layer.input_shape),
        "output": list(layer.output_shape),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "bias": layer.bias is not None,
        "normalize": layer.normalize,
    }
