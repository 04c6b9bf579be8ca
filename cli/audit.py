"""`dpkit audit`: attack a published release, for the provider's eyes alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import json_option
from cli.output import show
from cli.progress import voice
from cli.unlocking import KeystoreOptions, keystore_options
from dpkit.errors import UsageError
from dpkit.pipeline.audit import audit_release
from dpkit.pipeline.audit_request import AuditRequest

if TYPE_CHECKING:
    from dpkit.types import Json

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@click.command()
@click.argument("release", type=click.Path(path_type=Path), default=Path("release"))
@click.argument("source", type=click.Path(path_type=Path), required=False)
@click.option(
    "--attacks",
    default="all",
    show_default=True,
    metavar="all|A,B",
    help="Which attacks, by the names of docs/attacks.",
)
@click.option("--quick", is_flag=True, help="Only the quick attacks.")
@click.option(
    "--augconv", is_flag=True, help="Attack the Aug-Conv layer of this release in the keystore too."
)
@click.option(
    "--first-conv",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Attack what an Aug-Conv for this first layer would give away.",
)
@click.option(
    "--public",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Pictures that the adversary may hold, none of them in the release.",
)
@click.option(
    "--earlier",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    metavar="RELEASE",
    help="An earlier release of the same images, attacked together with this one; repeatable.",
)
@click.option(
    "--pairs",
    default="1,3,10,30",
    show_default=True,
    metavar="N,N",
    help="Numbers of images that the adversary knows.",
)
@click.option(
    "--images",
    type=click.IntRange(1, 65536),
    default=256,
    show_default=True,
    help="Attacked images, at most.",
)
@click.option(
    "--budget",
    default="10m",
    show_default=True,
    metavar="N|Nm|Nh",
    help="Time for all attacks, in seconds, minutes or hours.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of the audit's own draws.",
)
@click.option(
    "--utility",
    is_flag=True,
    help="Train a small network on originals and release, and report both.",
)
@click.option(
    "--faces/--no-faces",
    default=None,
    help="Look for faces, and whose they are (extra faces); by default unless --quick.",
)
@click.option(
    "--require",
    default="",
    metavar="EXPR",
    help="Exit with 4 unless it holds: 'worst_ssim <= 0.3 and verdict != broken'.",
)
@json_option
@keystore_options  # fmt: skip
def audit(  # noqa: PLR0917 (one for each option, as click gives them)
    keystore: KeystoreOptions,
    release: Path,
    source: Path | None,
    attacks: str,
    first_conv: Path | None,
    public: Path | None,
    earlier: tuple[Path, ...],
    pairs: str,
    images: int,
    budget: str,
    seed: int,
    require: str,
    *,
    faces: bool | None,
    quick: bool,
    augconv: bool,
    utility: bool,
    as_json: bool,
) -> None:
    """Attack a release as its developer could, for your eyes alone.

    What comes out is written to your private reports; the published files are not changed.
    Originals come from SOURCE, else from the folder that the release was made of; they are used
    for scoring alone.

    \b
    Example:
      dpkit audit release
      dpkit audit release --augconv --pairs 1,10 --require 'verdict != broken'
    """  # noqa: D301 (click's mark against rewrapping)
    request = AuditRequest(
        release=release,
        source=source,
        attacks=None if attacks == "all" else tuple(attacks.split(",")),
        mode="quick" if quick else "full",
        augconv=augconv,
        first_conv=first_conv,
        public=public,
        earlier=earlier,
        pairs=_numbers(pairs),
        images=images,
        budget_seconds=_seconds(budget),
        seed=seed,
        utility=utility,
        faces=faces,
        require=require,
    )
    store = keystore.open()
    with voice() as speaking:
        audited = audit_release(request, store, speaking)
    facts: dict[str, Json] = audited.facts()
    show(facts, audited.lines(), as_json=as_json)
    audited.check(require)


def _numbers(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,5}(,\d{1,5})*", text):
        raise UsageError(f"--pairs {text!r} is no list of numbers", remedy="such as 1,3,10,30")
    return tuple(sorted({int(number) for number in text.split(",")}))


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smh]?)", text)
    if not match or not float(match[1]):
        raise UsageError(f"--budget {text!r} is no time", remedy="such as 90s, 10m or 1h")
    return float(match[1]) * _UNITS[match[2]]
