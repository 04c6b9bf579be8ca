"""`dpkit restore`, `dpkit lookup` and `dpkit trace`: the provider's way back, with the keystore."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import json_option, release_argument
from cli.output import show
from cli.progress import voice
from cli.unlocking import KeystoreOptions, keystore_options
from dpkit.errors import UsageError
from dpkit.restore import lookup as look_up
from dpkit.restore import restore as restore_release
from dpkit.restore import trace as trace_image

if TYPE_CHECKING:
    from dpkit.types import Json


@click.command()
@release_argument
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    default="restored",
    show_default=True,
    help="The folder for the originals; it must not exist.",
)
@click.option(
    "--ids",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Restore only the ids in this file, one a line.",
)
@json_option
@keystore_options
def restore(
    keystore: KeystoreOptions, release: Path, out: Path, ids: Path | None, *, as_json: bool
) -> None:
    """Give the originals of a release back.

    They are written as PNG, under their own names.

    \b
    Example:
      dpkit restore release --out restored
    """  # noqa: D301 (click's mark against rewrapping)
    wanted = frozenset(ids.read_text(encoding="utf-8").split()) if ids else None
    store = keystore.open()
    with voice() as speaking:
        count = restore_release(release, out, store, ids=wanted, progress=speaking.progress)
    facts: dict[str, Json] = {"out": str(out), "images": count}
    show(facts, [f"restored {count} images to {out}"], as_json=as_json)


@click.command()
@release_argument
@click.option("--id", "published_id", default="", help="A published id.")
@click.option("--file", "file", default="", help="An original file, relative to the source.")
@click.option("--group", default="", help="A group, by its own name or by its pseudonym.")
@json_option
@keystore_options
def lookup(
    keystore: KeystoreOptions,
    release: Path,
    published_id: str,
    file: str,
    group: str,
    *,
    as_json: bool,
) -> None:
    """Find the way between original names and published ids.

    \b
    Example:
      dpkit lookup release --file cat/IMG_0001.jpg
    """  # noqa: D301 (click's mark against rewrapping)
    if sum(map(bool, (published_id, file, group))) != 1:
        raise UsageError("give exactly one of --id, --file and --group")
    matches = look_up(release, keystore.open(), id=published_id, file=file, group=group)
    found: list[Json] = [asdict(match) for match in matches]
    lines = [
        f"{m.id}  {m.file}  group {m.group} ({m.group_name})  {m.part} {m.shard} row {m.row}"
        for m in matches
    ]
    show({"matches": found}, lines, as_json=as_json)


@click.command()
@release_argument
@click.option("--image", required=True, help="A file relative to the source, or a published id.")
@json_option
@keystore_options
def trace(keystore: KeystoreOptions, release: Path, image: str, *, as_json: bool) -> None:
    """List the mixed images that hold a piece of one original.

    Who withdraws one image from a mixed release must withdraw all of these.

    \b
    Example:
      dpkit trace release --image cat/IMG_0001.jpg
    """  # noqa: D301 (click's mark against rewrapping)
    pieces = trace_image(release, image, keystore.open())
    found: list[Json] = [asdict(piece) for piece in pieces]
    lines = [
        f"{p.id}  {p.file}  {p.part} {p.shard} row {p.row}  {len(p.blocks)} of {p.of} blocks"
        for p in pieces
    ]
    lines.append(f"{len(pieces)} images hold a piece of {image}")
    show({"image": image, "pieces": found}, lines, as_json=as_json)
