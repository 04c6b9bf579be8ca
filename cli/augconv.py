"""`dpkit augconv build` and `dpkit augconv export`: the developer's first layer, for a release."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import json_option, release_argument
from cli.output import show
from cli.progress import voice
from cli.unlocking import KeystoreOptions, keystore_options
from dpkit.errors import UsageError
from dpkit.exchange import IMAGES, check_target, hand_over, offer
from dpkit.exchange import build as build_augconv

if TYPE_CHECKING:
    from dpkit.types import Json

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


@augconv.command()
@release_argument
@click.option(
    "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), default="augconv.safetensors",
    show_default=True, help="The new file for the developer.",
)  # fmt: skip
@click.option("--id", "object_id", metavar="ID", help="Another layer than the release's newest.")
@click.option("--recipient", metavar="age1…", help="Encrypt for this age recipient.")
@click.option(
    "--images", type=click.IntRange(1, 256), default=IMAGES, show_default=True,
    help="Images of the release that the layer is attacked on.",
)  # fmt: skip
@click.option(
    "--i-accept-the-measured-leakage", "accepted", is_flag=True,
    help="Hand it over after the measurement without asking.",
)  # fmt: skip
@json_option
@keystore_options
def export(  # noqa: PLR0917 (one for each option, as click gives them)
    keystore: KeystoreOptions,
    release: Path,
    out: Path,
    object_id: str | None,
    recipient: str | None,
    images: int,
    *,
    accepted: bool,
    as_json: bool,
) -> None:
    """Attack the layer, show what it gives away, and hand it over on consent.

    The published release is not changed. Your consent and the figures are kept in the keystore,
    and stand in the file's head.

    \b
    Example:
      dpkit augconv export release -o augconv.safetensors
    """  # noqa: D301 (click's mark against rewrapping)
    check_target(out, recipient)
    store = keystore.open()
    with voice() as speaking:
        speaking.notice("attacking the layer as the developer could")
        offered = offer(release, store, object_id=object_id, images=images)
    for line in offered.lines():
        click.echo(line, err=True)
    _ask(accepted=accepted)
    record = hand_over(offered, out, store, recipient=recipient)
    facts: dict[str, Json] = {**offered.facts(), "out": str(out), "consent": record}
    show(facts, [f"handed over: {out}", f"consent recorded as {record}"], as_json=as_json)


def _ask(*, accepted: bool) -> None:
    """Insist on consent: the flag, or a yes at a terminal."""
    if accepted:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "nothing was handed over: nobody accepted the measured leakage",
            remedy="read the figures, then say --i-accept-the-measured-leakage",
        )
    if not click.confirm("Hand the layer over all the same?", default=False, err=True):
        raise UsageError("nothing was handed over", remedy="give the release without Aug-Conv")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15})([kmgt]?)(i?b)?", text.strip().lower())
    if not match or not int(match[1]):
        raise UsageError(f"--max-bytes {text!r} is no size", remedy="such as 500M or 4G")
    return int(match[1]) * _UNITS[match[2]]
