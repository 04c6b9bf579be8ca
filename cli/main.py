"""`dpkit`: the group of all commands, and the one place where errors become exit codes.

Commands load on use: `dpkit --help` imports neither torch nor numba nor h5py. A failure is one
line on stderr, `dpkit: error: what; remedy`, and the exit code of its kind (`dpkit/errors.py`).
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click

from dpkit import __version__
from dpkit.errors import DpkitError
from dpkit.sanitizers import SANITIZERS

INTERRUPTED = 130

# name → (module, line of help); a module holds its commands under their own names, and makes those
# of the sanitizers
COMMANDS: dict[str, tuple[str, str]] = {
    **{name: ("cli.sanitize", sanitizer.summary) for name, sanitizer in SANITIZERS.items()},
    "prepare": ("cli.parts", "Seal key and plan of a release that is written in parts."),
    "publish": ("cli.parts", "Close a release whose parts are all written."),
    "verify": ("cli.release", "Check a release, without any key."),
    "inspect": ("cli.release", "Show what a developer sees of a release."),
    "first-conv": ("cli.developer", "Write a network's first layer for the provider."),
    "sweep": (
        "cli.sweep",
        "Ask a network about sanitized images; nothing is released.",
    ),
    "audit": ("cli.audit", "Attack a release as its developer could, for your eyes alone."),
    "restore": ("cli.provider", "Give the originals of a release back."),
    "lookup": ("cli.provider", "Find the way between original names and published ids."),
    "trace": ("cli.provider", "List the mixed images that hold a piece of one original."),
    "augconv": (
        "cli.augconv",
        "Make the augmented first layer of a morphed release, and hand it over.",
    ),
    "keys": ("cli.keystore", "List, back up, unlock and destroy what the keystore holds."),
}


class Door(click.Group):
    """The group: imports a command when it is called, turns every failure into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        if cmd_name in SANITIZERS:
            made: click.Command = module.make_command(SANITIZERS[cmd_name])
            return made
        command = getattr(module, cmd_name.replace("-", "_"))
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """List the commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run, and leave with the exit code of what happened."""
        # a damaged image is quarantined with a reason; Pillow's own warning says nothing more
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except (KeyboardInterrupt, click.Abort):
            _fail("interrupted; give the same command again to go on", INTERRUPTED)
        except click.ClickException as error:
            _fail(_one_line(error), 2)
        except DpkitError as error:
            _fail(str(error), error.exit_code)
        except BrokenPipeError:
            os._exit(1)  # the reader of our output left; the interpreter's own flush would fail
        except OSError as error:
            _fail(f"{error.strerror or error}: {error.filename or 'no file named'}", 1)
        except MemoryError:
            _fail("out of memory; lower --shard-mb or --workers, or raise --kappa", 1)
        except Exception as error:  # noqa: BLE001 (the last resort: never a traceback with data in it)
            _fail(f"unexpected {type(error).__name__} at {_place(error)}; please report it", 1)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    cls=Door, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="dpkit")
def main() -> None:
    """Sanitize a folder of images, keep every secret, publish a release that says what it leaks.

    \b
    Example:
      dpkit morph samples/images --kappa 16
      dpkit verify release
    """  # noqa: D301 (click's \b keeps the lines)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"dpkit: error: {message}", err=True)
    sys.exit(code)


def _one_line(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f"; `{context.command_path} --help` shows the options" if context else ""
    return " ".join(error.format_message().split()).rstrip(".") + hint


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119 (a name, no path)
