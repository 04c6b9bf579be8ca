"""What a command prints: text for a person, or one JSON object on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dpkit.types import Json


def show(facts: Mapping[str, Json], lines: Iterable[str], *, as_json: bool) -> None:
    """Print `facts` as one JSON object, or `lines`."""
    if as_json:
        click.echo(json.dumps(dict(facts), indent=2, sort_keys=True))
        return
    for line in lines:
        click.echo(one_line(line))


def one_line(text: str) -> str:
    """Return text as a terminal may see it: file names can hold line feeds and escape codes."""
    printable = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else "�" for c in printable)
