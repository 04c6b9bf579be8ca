"""The options that say which keystore and how it is opened, the same for every command.

@click.command()
@keystore_options
def morph(keystore: KeystoreOptions, …):
    opened = keystore.open(create=True)
"""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dpkit.errors import KeystoreMissingError, UsageError
from dpkit.keystore import unlock
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.types import Secret


@dataclass(frozen=True, slots=True)
class KeystoreOptions:
    """What the command line said about the keystore; no secret among it."""

    path: Path
    key_file: Path | None
    passphrase_fd: int | None
    passphrase_file: Path | None

    def unlock(self) -> Unlock:
        """Return the sources; a passphrase is read only when the keystore is opened."""
        prompt = unlock.passphrase_from_terminal if sys.stdin.isatty() else None
        return Unlock(self.key_file, self._passphrase(), prompt)

    def open(self, *, create: bool = False) -> Keystore:
        """Open the keystore; with `create`, make it on first use and say so on stderr."""
        try:
            return Keystore.open(self.path, self.unlock())
        except KeystoreMissingError:
            if not create:
                raise
        return self._create()

    def _create(self) -> Keystore:
        made = Keystore.create(self.path, self.unlock())
        by_key_file = any(slot.type == "key-file" for slot in made.slots())
        key_file = self.key_file or unlock.default_key_file(made.uuid)
        what = f"new keystore {made.path}"
        if by_key_file:
            what += f", opened by key file {key_file}: who reads both reads everything"
        click.echo(what, err=True)
        return made

    def _passphrase(self) -> Callable[[], Secret] | None:
        if self.passphrase_fd is not None and self.passphrase_file:
            raise UsageError(
                "--passphrase-fd and --passphrase-file are both given", remedy="give one of them"
            )
        if self.passphrase_fd is not None:
            return functools.partial(unlock.passphrase_from_descriptor, self.passphrase_fd)
        if self.passphrase_file:
            return functools.partial(unlock.passphrase_from_file, self.passphrase_file)
        if unlock.PASSPHRASE_VARIABLE in os.environ and not self.key_file:
            return unlock.passphrase_from_environment
        return None


_OPTIONS = (
    click.option(
        "--keystore",
        type=click.Path(path_type=Path),
        envvar="DPKIT_KEYSTORE",
        help="Keystore folder (*.dpks).  [default: default.dpks in your data directory]",
    ),
    click.option(
        "--key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Key file that opens it.  [default: in your configuration directory]",
    ),
    click.option(
        "--passphrase-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Read the passphrase from file descriptor N.",
    ),
    click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the passphrase from a file that only you can read. "
        "(DPKIT_PASSPHRASE works too, and is the weakest.)",
    ),
)


def keystore_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the four options, as one parameter `keystore: KeystoreOptions`."""

    @functools.wraps(command)
    def gather(
        *args: Any,
        keystore: Path | None,
        key_file: Path | None,
        passphrase_fd: int | None,
        passphrase_file: Path | None,
        **rest: Any,
    ) -> Any:
        path = keystore or unlock.default_path()
        options = KeystoreOptions(path, key_file, passphrase_fd, passphrase_file)
        return command(*args, keystore=options, **rest)

    for option in reversed(_OPTIONS):
        gather = option(gather)
    return gather


def backup_line(keystore: Keystore) -> str | None:
    """Return the line that a run ends with while a backup is missing, else None."""
    if keystore.is_backed_up():
        return None
    steps = "`dpkit keys backup NEW.dpks`"
    if all(slot.type == "key-file" for slot in keystore.slots()):
        steps = f"`dpkit keys add-passphrase`, then {steps}"
    return f"keystore {keystore.path}: not backed up; run {steps}"
