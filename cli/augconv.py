"""`dpkit augconv build` and `dpkit augconv export`: the developer's first layer, for a release."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cli.options import json_option, release_argument
from cli.output import show
from cli.progress import voice
from cli.unlocking import KeystoreOptions, keystore_options
from dpkit.errors import UsageError
from dpkit.exchange import build as build_augconv

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@click.group()
def augconv() -> None:
    """Make the augmented first layer of a morphed release, and hand it over.

    \b
    Example:
      dpkit augconv build release --first-conv first_conv.safetensors
      dpkit augconv export release -o augconv.safetensors
    """  # noqa: D301 (click's mark against rewrapping)


@augconv.command()
@release_argument
@click.option(
    "--first-conv",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The developer's first layer, made by `dpkit first-conv`.",
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float16"]), default="float32", show_default=True,
    help="Type of the layer's numbers; float16 is coarse unless the core is orthogonal.",
)  # fmt: skip
@click.option(
    "--max-bytes", default="2G", show_default=True, metavar="N|NK|NM|NG|NT",
    help="Refuse a larger layer, saying what would make it smaller.",
)  # fmt: skip
@json_option
@keystore_options
def build(
    keystore: KeystoreOptions,
    release: Path,
    first_conv: Path,
    dtype: str,
    max_bytes: str,
    *,
    as_json: bool,
) -> None:
    """Make the layer into the keystore; nothing is handed over.

    \b
    Example:
      dpkit augconv build release --first-conv first_conv.safetensors
    """  # noqa: D301 (click's mark against rewrapping)
    limit = _bytes(max_bytes)
    store = keystore.open()
    with voice() as speaking:
        built = build_augconv(
            release, first_conv, store, dtype=dtype, max_bytes=limit, voice=speaking
        )
    show(built.facts(), built.lines(), as_json=as_json)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15})([kmgt]?)(i?b)?", text.strip().lower())
    if not match or not int(match[1]):
        raise UsageError(f"--max-bytes {text!r} is no size", remedy="such as 500M or 4G")
    return int(match[1]) * _UNITS[match[2]]
