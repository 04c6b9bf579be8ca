"""From an `Unlock` to the master key, and from a new master key to its first slots.

Order: a key file that was named, then a passphrase that was given; where neither was, the
default key file, then the prompt. A passphrase that was given and is wrong never falls back on
the default key file: who tests a passphrase must learn that it does not open.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from dpkit.errors import KeystoreMissingError, UnlockError
from dpkit.keystore import header
from dpkit.keystore.durable import read_private, refuse_readable_by_others
from dpkit.keystore.slots import key_file_slot, passphrase_slot, unwrap
from dpkit.keystore.unlock import default_key_file, obtain_key_file, read_key_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dpkit.keystore.header import Header, UncheckedHeader
    from dpkit.keystore.slots import Slot, SlotType
    from dpkit.keystore.unlock import Unlock
    from dpkit.types import Secret


def read_header(folder: Path) -> UncheckedHeader:
    """Read `keystore.json` of a folder that is closed to others.

    Raises
    ------
    KeystoreMissingError
        There is none.
    """
    path = folder / header.FILE
    try:
        mode = folder.stat().st_mode
        if stat.S_ISDIR(mode):
            refuse_readable_by_others(folder, mode)
        return header.parse_header(read_private(path, header.MAX_BYTES), str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise KeystoreMissingError(
            f"there is no keystore at {folder}",
            remedy="name it by --keystore; `dpkit morph` makes one on first use",
        ) from None
    except PermissionError as error:
        raise UnlockError(
            f"cannot read {path}: {error.strerror}", remedy="run as the keystore's owner"
        ) from error


def find_master(unchecked: UncheckedHeader, unlock: Unlock) -> tuple[Secret, Header, Slot]:
    """Return the master key, the header that it vouches for, and the slot that opened.

    Raises
    ------
    UnlockError
        Nothing that was given opens a slot.
    IntegrityError
        A slot opened, and the header is not what the key's holder wrote.
    """
    uuid = unchecked.claimed.uuid
    for slot_type, secret in _secrets(unchecked.claimed, unlock):
        for slot in unchecked.claimed.slots:
            if slot.type != slot_type:
                continue
            master = unwrap(slot, secret, uuid)
            if master is not None:
                return master, unchecked.checked(master), slot
    raise UnlockError(
        f"the passphrase or key file given does not open keystore {uuid}",
        remedy="look at --key-file, the passphrase and --keystore",
    )


def make_slots(unlock: Unlock, master: Secret, uuid: str, keystore: Path) -> tuple[Slot, ...]:
    """Make the slots of a new keystore: what `unlock` names, else its default key file."""
    slots: list[Slot] = []
    if unlock.key_file or not unlock.passphrase:
        path = unlock.key_file or default_key_file(uuid)
        slots.append(key_file_slot(master, obtain_key_file(path, keystore), uuid))
    if unlock.passphrase:
        slots.append(passphrase_slot(master, unlock.passphrase(), uuid, unlock.work))
    return tuple(slots)


def _secrets(claimed: Header, unlock: Unlock) -> Iterator[tuple[SlotType, Secret]]:
    types = {slot.type for slot in claimed.slots}
    if unlock.key_file:
        yield "key-file", read_key_file(unlock.key_file)
    if unlock.passphrase:
        yield "passphrase", unlock.passphrase()
    if unlock.key_file or unlock.passphrase:
        return
    path = default_key_file(claimed.uuid)
    if path.exists():
        yield "key-file", read_key_file(path)
    elif unlock.prompt and "passphrase" in types:
        yield "passphrase", unlock.prompt()
    else:
        raise UnlockError(
            f"keystore {claimed.uuid} needs its {' or '.join(sorted(types))}; {path} is not there",
            remedy="give --key-file or --passphrase-fd",
        )
