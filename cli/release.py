"""`dpkit verify` and `dpkit inspect`: what anybody can do with a release, without a key."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import platformdirs

from cli.options import json_option, release_argument
from cli.output import show
from cli.progress import voice
from dpkit.errors import UsageError
from dpkit.release.aside import write_file
from dpkit.release.inspect import grid, summary
from dpkit.release.read import Release
from dpkit.release.verify import verify as verify_release

if TYPE_CHECKING:
    from dpkit.types import Json


@click.command()
@release_argument
@click.option("--fingerprint", help="Insist on this signer: 16 hex digits or the public key RW….")
@click.option("--quick", is_flag=True, help="Signature, manifest and sizes only.")
@json_option
def verify(release: Path, fingerprint: str | None, *, quick: bool, as_json: bool) -> None:
    """Check a release, without any key.

    Signature, manifests, every byte, shapes and values; no unexpected file.

    \b
    Example:
      dpkit verify release --fingerprint 0123456789ABCDEF
    """  # noqa: D301 (click's mark against rewrapping)
    with voice() as speaking:
        verdict = verify_release(
            release,
            fingerprint=fingerprint,
            level="quick" if quick else "full",
            progress=lambda done, total: speaking.progress("verifying", done, total),
        )
    facts: dict[str, Json] = {**asdict(verdict), "notes": list(verdict.notes)}
    lines = [
        f"release {verdict.release_id}: {', '.join(verdict.notes)}",
        f"{verdict.images:,} images in {verdict.shards} shards, signer {verdict.signer}",
    ]
    show(facts, lines, as_json=as_json)


@click.command()
@release_argument
@click.option(
    "--grid",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Where the picture goes; the file must not exist.  [default: your state folder]",
)
@json_option
def inspect(release: Path, picture: Path | None, *, as_json: bool) -> None:
    """Show what a developer sees of a release.

    Facts, and a picture grid.

    \b
    Example:
      dpkit inspect release --grid grid.png
    """  # noqa: D301 (click's mark against rewrapping)
    opened = Release.open(release, verify="quick")
    if picture is not None and picture.exists():
        raise UsageError(f"{picture} exists", remedy="name another file with --grid")
    target = picture or _own_file(opened.manifest.release_id)
    write_file(target, grid(opened))
    facts = {**summary(opened), "picture": str(target)}
    width = max(map(len, facts))
    lines = [f"{name:<{width}}  {value}" for name, value in facts.items()]
    show(facts, lines, as_json=as_json)


def _own_file(release_id: str) -> Path:
    """Return where a picture goes by default: a file of dpkit's own, so it may be renewed."""
    folder = platformdirs.user_state_path("dpkit") / "inspect"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"{release_id}.png"
