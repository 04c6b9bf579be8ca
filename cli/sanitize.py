"""`dpkit morph`, `dpkit mix` …: a command is read off the sanitizer itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from cli.options import build_request, json_option, request_options, workers_option
from cli.output import show
from cli.progress import voice
from cli.unlocking import KeystoreOptions, backup_line, keystore_options
from dpkit.errors import UsageError
from dpkit.pipeline import make_release, refuse_places, write_part

if TYPE_CHECKING:
    from dpkit.pipeline.published import Published
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Json

QUARANTINED = 3


def make_command(sanitizer: type[Sanitizer]) -> click.Command:
    """Return the command that releases a folder through one sanitizer."""

    @click.pass_context
    def run(ctx: click.Context, /, keystore: KeystoreOptions, **_values: Any) -> int:
        request = build_request(sanitizer, ctx)
        workers, part, any_blas = (ctx.params[name] for name in ("workers", "part", "any_blas"))
        if part is not None:
            with voice() as speaking:
                store = keystore.open()
                write_part(request, store, _part(part), speaking, workers, any_blas=any_blas)
            return 0
        refuse_places(request)
        with voice() as speaking:
            store = keystore.open(create=request.key_id is None)
            published = make_release(request, store, speaking, workers, any_blas=any_blas)
        report(published, backup_line(store), as_json=ctx.params["as_json"])
        return QUARANTINED if published.quarantined else 0

    run.__doc__ = f"{sanitizer.summary}\n\n\b\nExample:\n  {sanitizer.example}"
    part_option = click.option(
        "--part",
        metavar="I/N",
        help="Write only the shards k with k % N == I of a prepared release.",
    )
    blas_option = click.option(
        "--any-blas",
        is_flag=True,
        help="Go on although this machine computes other last bits than the plan's.",
    )
    command = json_option(workers_option(part_option(blas_option(keystore_options(run)))))
    return click.command(sanitizer.name)(request_options(sanitizer)(command))


def report(published: Published, backup: str | None, *, as_json: bool) -> None:
    """Print what was published; the last line says what is still to be done."""
    facts: dict[str, Json] = {**published.facts(), "backup": backup}
    lines = [*published.lines(), *([backup] if backup else [])]
    show(facts, lines, as_json=as_json)


def _part(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    index, of = (int(n) for n in match.groups()) if match else (0, 0)
    if not 0 <= index < of:
        raise UsageError(f"--part {text} is not I/N with 0 <= I < N", remedy="such as 0/4 … 3/4")
    return index, of
