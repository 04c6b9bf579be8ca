"""By what a keystore is opened: a key file, or a passphrase from one of four sources.

A key file is 32 random bytes, mode 0600, under the user's configuration directory, never in or
beside the keystore that it opens. A passphrase comes by file descriptor, by file, by prompt, or
by the environment (the weakest: other processes of the user can read it); never by argument.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from platformdirs import user_config_path, user_data_path

from dpkit.errors import UnlockError, UsageError
from dpkit.keystore.durable import create_private, read_private
from dpkit.keystore.slots import MAX_PASSPHRASE_BYTES, RECOMMENDED, WorkFactors, normalized
from dpkit.rng import SEED_BYTES, fresh_secret
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSPHRASE_VARIABLE: Final = "DPKIT_PASSPHRASE"  # noqa: S105 (the name of a variable)


@dataclass(frozen=True, slots=True)
class Unlock:
    """What the user gives to open or to make a keystore.

    Parameters
    ----------
    key_file
        A key file by name. Where neither it nor `passphrase` is given, the keystore's default
        key file is used, and made by `Keystore.create`.
    passphrase
        A source that the user chose; then the default key file is not tried.
    prompt
        A source of last resort: asked when nothing was chosen and there is no key file.
    work
        Argon2id's cost for slots that are made; not for those that are opened.
    """

    key_file: Path | None = None
    passphrase: Callable[[], Secret] | None = None
    prompt: Callable[[], Secret] | None = None
    work: WorkFactors = RECOMMENDED


def default_path() -> Path:
    """Return the keystore that is used when none is named: `default.dpks` in the data folder."""
    return user_data_path("dpkit", appauthor=False) / "default.dpks"


def default_key_file(uuid: str) -> Path:
    """Return the key file of one keystore, under the user's configuration directory."""
    return user_config_path("dpkit", appauthor=False) / "keys" / f"{uuid}.key"


def read_key_file(path: Path) -> Secret:
    """Return the 32 bytes of a key file.

    Raises
    ------
    UnlockError
        It is not there, others can read it, or it has another length.
    """
    try:
        value = read_private(path, SEED_BYTES)
    except OSError as error:
        raise UnlockError(
            f"cannot read key file {path}: {error.strerror}",
            remedy="name it by --key-file, or open the keystore by its passphrase",
        ) from error
    if len(value) != SEED_BYTES:
        raise UnlockError(
            f"key file {path} does not have {SEED_BYTES} bytes", remedy="name the right file"
        )
    return Secret(value)


def obtain_key_file(path: Path, keystore: Path) -> Secret:
    """Return a key file's bytes for a new keystore; the file is made if it is not there.

    Raises
    ------
    UsageError
        It lies in or beside the keystore, where one copy would take both.
    """
    home = keystore.resolve().parent
    if path.resolve().parent == home or home / keystore.name in path.resolve().parents:
        raise UsageError(
            f"key file {path} lies in or beside the keystore {keystore}",
            remedy="keep it in another folder, so that no copy takes both",
        )
    if not path.exists():
        create_private(path, fresh_secret().reveal())
    return read_key_file(path)


def passphrase_from_descriptor(descriptor: int) -> Secret:
    """Return the first line that a file descriptor gives."""
    line = b""
    try:
        while len(line) <= MAX_PASSPHRASE_BYTES:  # one byte a time: the next line is not ours
            byte = os.read(descriptor, 1)
            if byte in (b"", b"\n"):
                break
            line += byte
    except OSError as error:
        raise UsageError(
            f"cannot read a passphrase from descriptor {descriptor}: {error.strerror}",
            remedy="open it, as in `--passphrase-fd 3 3<FILE`",
        ) from error
    return _passphrase(line)


def passphrase_from_file(path: Path) -> Secret:
    """Return the one line of a file that only its owner can read."""
    try:
        content = read_private(path, MAX_PASSPHRASE_BYTES + 2)
    except OSError as error:
        raise UnlockError(
            f"cannot read passphrase file {path}: {error.strerror}", remedy="name the right file"
        ) from error
    line = content.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in line:
        raise UsageError(f"passphrase file {path} has more than one line", remedy="keep one line")
    return _passphrase(line)


def passphrase_from_environment() -> Secret:
    """Return the passphrase in `DPKIT_PASSPHRASE`, the weakest source."""
    return normalized(os.environ.get(PASSPHRASE_VARIABLE, ""))


def passphrase_from_terminal() -> Secret:
    """Ask for the passphrase of a keystore."""
    _insist_on_terminal()
    return normalized(getpass.getpass("Passphrase of the keystore: "))


def new_passphrase_from_terminal() -> Secret:
    """Ask twice for a passphrase that is being chosen."""
    _insist_on_terminal()
    first = getpass.getpass("New passphrase: ")
    if getpass.getpass("The same again: ") != first:
        raise UsageError("the two passphrases differ", remedy="type the same one twice")
    return normalized(first)


def _insist_on_terminal() -> None:
    if not sys.stdin.isatty():
        raise UnlockError(
            "a passphrase is needed and there is no terminal to ask on",
            remedy="use --passphrase-fd, --passphrase-file or --key-file",
        )


def _passphrase(line: bytes) -> Secret:
    try:
        return normalized(line.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        raise UsageError("the passphrase is not UTF-8", remedy="write it as UTF-8") from None
