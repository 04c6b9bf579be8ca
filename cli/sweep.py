"""`dpkit sweep`: the group of sweeps; each has a file of its own and loads when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

SWEEPS: Final[dict[str, tuple[str, str]]] = {  # name → (module, line of help)
    "hold": ("cli.sweep_hold", "Sample and hold a network's feature maps, window by window."),
    "partition": ("cli.sweep_partition", "Split and defend a network, λ by λ, and attack it."),
    "obfuscate": (
        "cli.sweep_obfuscate",
        "Train obfuscators over λ, attack each by fresh reconstructors, and compare.",
    ),
}


class Sweeps(click.Group):
    """The group: a sweep is `NAME_command` of its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names in the order of the table."""
        return list(SWEEPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Import one sweep."""
        if cmd_name not in SWEEPS:
            return None
        command = getattr(import_module(SWEEPS[cmd_name][0]), f"{cmd_name}_command")
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """List the sweeps from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in SWEEPS.items()])


@click.group(cls=Sweeps)
def sweep() -> None:
    """Ask a network about sanitized images; nothing is released.

    \b
    Example:
      dpkit sweep hold images --model net.safetensors --layers features.3 --windows 1,2,4,8
    """  # noqa: D301 (click's mark against rewrapping)
