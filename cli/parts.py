"""`dpkit prepare` and `dpkit publish`: a release that a job array writes in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.options import (
    build_request,
    json_option,
    release_argument,
    remix_option,
    request_options,
    workers_option,
)
from cli.output import show
from cli.progress import voice
from cli.sanitize import QUARANTINED, report
from cli.unlocking import KeystoreOptions, backup_line, keystore_options
from dpkit.pipeline import prepare as prepare_release
from dpkit.pipeline import publish as publish_release
from dpkit.pipeline import refuse_places
from dpkit.sanitizers import SANITIZERS

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Json


@click.group()
def prepare() -> None:
    """Seal key and plan of a release that is written in parts.

    Its parts are then written by `dpkit morph` with the same options and `--part I/N`,
    in any order.

    \b
    Example:
      dpkit prepare morph images --kappa 16
      dpkit morph images --kappa 16 --part 0/2
      dpkit morph images --kappa 16 --part 1/2
      dpkit publish release
    """  # noqa: D301 (click's mark against rewrapping)


def _prepare_command(sanitizer: type[Sanitizer]) -> click.Command:
    @click.pass_context
    def run(ctx: click.Context, /, keystore: KeystoreOptions, **_values: Any) -> None:
        request = build_request(sanitizer, ctx)
        refuse_places(request)
        with voice() as speaking:
            store = keystore.open(create=request.key_id is None)
            shards = prepare_release(request, store, speaking, ctx.params["workers"])
        facts: dict[str, Json] = {"out": str(request.out), "shards": shards}
        lines = [f"prepared {request.out}: {shards} shards to write, with --part I/N"]
        show(facts, lines, as_json=ctx.params["as_json"])

    run.__doc__ = (
        f"Seal key and plan; then give the same options to `dpkit {sanitizer.name}`.\n\n"
        f"\b\nExample:\n  dpkit prepare {sanitizer.example.removeprefix('dpkit ')}"
    )
    command = json_option(workers_option(keystore_options(run)))
    return click.command(sanitizer.name)(request_options(sanitizer)(command))


for _sanitizer in SANITIZERS.values():
    prepare.add_command(_prepare_command(_sanitizer))


@click.command()
@release_argument
@click.option("--max-bad", type=float, help="Another limit than the one given to prepare.")
@click.option("--allow-unchanged", type=int, metavar="N", help="The same.")
@click.option("--require", metavar="EXPR", help="The same.")
@remix_option
@json_option
@keystore_options
def publish(
    keystore: KeystoreOptions,
    release: Path,
    max_bad: float | None,
    allow_unchanged: int | None,
    require: str | None,
    *,
    allow_remix: bool,
    as_json: bool,
) -> int:
    """Close a release whose parts are all written.

    It is measured, checked, signed and renamed.

    \b
    Example:
      dpkit publish release
    """  # noqa: D301 (click's mark against rewrapping)
    store = keystore.open()
    with voice() as speaking:
        published = publish_release(
            release,
            store,
            speaking,
            max_bad=max_bad,
            allow_unchanged=allow_unchanged,
            allow_remix=allow_remix,
            require=require,
        )
    report(published, backup_line(store), as_json=as_json)
    return QUARANTINED if published.quarantined else 0
