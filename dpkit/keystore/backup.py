"""A copy of a keystore that was proven to open, and the check of such a copy.

A backup is a keystore of the same format. It is filled aside, every chunk in it is opened, and
only then does it get its name. Where a key file is the only way in, a backup would be lost with
the machine that holds the key file: it is refused.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpkit.errors import UsageError
from dpkit.keystore import durable
from dpkit.keystore.store import SUFFIX, Keystore

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.keystore.slots import Slot
    from dpkit.keystore.unlock import Unlock


@dataclass(frozen=True, slots=True)
class BackupCheck:
    """What was opened in a backup, and by which slot."""

    uuid: str
    n_objects: int
    opened_by: Slot | None


def backup(keystore: Keystore, out: Path) -> int:
    """Copy a keystore to the new folder `out` (`*.dpks`), and return how many objects it holds.

    Raises
    ------
    UsageError
        No passphrase opens the keystore, or `out` exists or has another suffix.
    IntegrityError
        Something in the keystore does not open; no backup is left.
    """
    if all(slot.type == "key-file" for slot in keystore.slots()):
        raise UsageError(
            f"only its key file opens keystore {keystore.path}: lost with it, a backup is useless",
            remedy="run `dpkit keys add-passphrase` first",
        )
    if out.suffix != SUFFIX or out.exists() or out.is_symlink():
        raise UsageError(f"{out} exists or does not end in {SUFFIX}", remedy="name a new folder")
    with keystore.locked():
        with durable.aside_folder(out) as folder:
            for name in keystore.files():
                _copy(keystore.path / name, folder / name)
            (folder / "objects").mkdir(mode=durable.FOLDER_MODE, exist_ok=True)
            n_objects = keystore.at(folder).check()
        keystore.record_backup()
    return n_objects


def check_backup(path: Path, unlock: Unlock) -> BackupCheck:
    """Open every chunk of every object of a backup (or of any keystore).

    Raises
    ------
    KeystoreMissingError, UnlockError, IntegrityError
        As `Keystore.open`, and `IntegrityError` where an object does not open.
    """
    opened = Keystore.open(path, unlock)
    return BackupCheck(opened.uuid, opened.check(), opened.opened_by)


def _copy(source: Path, target: Path) -> None:
    durable.make_folders(target.parent)
    with source.open("rb") as reader, durable.aside(target) as writer:
        shutil.copyfileobj(reader, writer, durable.COPY_BYTES)
