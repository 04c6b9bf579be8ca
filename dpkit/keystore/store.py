"""The keystore: its master key, and what may be done with its objects.

Every change reads the folder again under the lock, so that two runs lose nothing of each other.
An object is written before it is listed; its wrapped key is gone before it is called destroyed.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, overload
from uuid import uuid4

from dpkit.errors import KeystoreMissingError, UsageError
from dpkit.keystore import catalogue, durable, header, seal
from dpkit.keystore.arrays import lay_out
from dpkit.keystore.canonical import check_label, damaged, now
from dpkit.keystore.catalogue import Catalogue, Entry, ExportableKind, Kind
from dpkit.keystore.folder import OBJECTS, Folder
from dpkit.keystore.header import Header
from dpkit.keystore.ids import new_object_id, parse_object_id
from dpkit.keystore.opening import find_master, make_slots, read_header
from dpkit.keystore.sealed import ExportableObject, SealedObject
from dpkit.keystore.slots import RECOMMENDED, Slot, WorkFactors, passphrase_slot
from dpkit.rng import fresh_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.keystore.arrays import StreamedArray
    from dpkit.keystore.unlock import Unlock
    from dpkit.types import Json, Secret

SUFFIX: Final = ".dpks"
LOCK_WAIT_SECONDS: Final = 10.0


class Keystore:
    """An opened keystore; made by `create` and `open`.

    Parameters
    ----------
    path
        Its folder.
    master
        The master key that opened it.
    uuid
        Its name, random.
    opened_by
        The slot that opened it; None right after `create`.
    """

    def __init__(self, path: Path, master: Secret, uuid: str, opened_by: Slot | None) -> None:
        self.path = path
        self.uuid = uuid
        self.opened_by = opened_by
        self.lock_wait_seconds = LOCK_WAIT_SECONDS
        self._master = master
        self._folder = Folder(path, uuid, master)

    def __repr__(self) -> str:
        return f"<Keystore {self.uuid} at {self.path}>"

    @classmethod
    def create(cls, path: Path, unlock: Unlock) -> Keystore:
        """Make a keystore in a new folder `*.dpks`, and its key file where none was named.

        Raises
        ------
        UsageError
            The path exists or has another suffix, or the key file would lie beside it.
        """
        if path.suffix != SUFFIX:
            raise UsageError(
                f"keystore {path} does not end in {SUFFIX}",
                remedy=f"name it {path.name}{SUFFIX}, so that nobody takes it for something else",
            )
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} exists", remedy="name a new folder, or open this one")
        master, uuid = fresh_secret(), str(uuid4())
        with durable.aside_folder(path) as folder:
            made = Header(uuid, now(), make_slots(unlock, master, uuid, path))
            Folder(folder, uuid, master).fill(made, Catalogue(uuid))
        return cls(path, master, uuid, None)

    @classmethod
    def open(cls, path: Path, unlock: Unlock) -> Keystore:
        """Open a keystore.

        Raises
        ------
        KeystoreMissingError
            There is none at `path`.
        UnlockError
            Nothing in `unlock` opens it, or folder or key file are open to others.
        IntegrityError
            Its header or catalogue was changed.
        """
        master, checked, slot = find_master(read_header(path), unlock)
        opened = cls(path, master, checked.uuid, slot)
        opened.entries()
        return opened

    def at(self, path: Path) -> Keystore:
        """Return a copy of this keystore in another folder, opened by the same master key."""
        copy = Keystore(path, self._master, self.uuid, self.opened_by)
        copy.slots()
        return copy

    def put(
        self,
        kind: Kind,
        settings: Mapping[str, Json],
        arrays: Mapping[str, NDArray[Any] | StreamedArray],
        *,
        object_id: str | None = None,
        label: str = "",
    ) -> str:
        """Seal one object and return its id.

        Parameters
        ----------
        settings
            JSON, sealed with the arrays.
        arrays
            By name: integers, floats or booleans, at most 8 axes; a streamed one is made and
            sealed piece by piece.
        object_id
            An id from `new_object_id` that was announced before; None draws one.
        label
            Public short text, printable ASCII, at most 64 characters.
        """
        object_id = parse_object_id(object_id) if object_id else new_object_id()
        check_label(label)
        payload = lay_out(settings, arrays)
        head = seal.ObjectHeader(self.uuid, object_id, kind, label, now(), payload.size)
        entry = Entry(object_id, kind, "active", head.created, payload.size, label)
        with self.locked():
            listed = self._folder.catalogue().with_new(entry)
            self._folder.remove_leftovers()
            with durable.aside(self._folder.object_path(object_id)) as file:
                seal.seal(file, head, payload.pieces(), self._master)
            self._folder.write_catalogue(listed)
        return object_id

    def seal_aside(
        self,
        path: Path,
        kind: Kind,
        settings: Mapping[str, Json],
        arrays: Mapping[str, NDArray[Any]],
    ) -> None:
        """Seal an object into a file of another folder, which the catalogue does not list.

        The file is replaced whole; it is nothing to keep, and no backup holds it.
        """
        payload = lay_out(settings, arrays)
        head = seal.ObjectHeader(self.uuid, new_object_id(), kind, "", now(), payload.size)
        with durable.aside(path) as file:
            seal.seal(file, head, payload.pieces(), self._master)

    def open_aside(self, path: Path, kind: Kind) -> SealedObject:
        """Open an object that `seal_aside` wrote.

        Raises
        ------
        FileNotFoundError
            There is none.
        IntegrityError
            It was changed, or is of another kind or keystore.
        """
        sealed = seal.SealedBytes(path, self._master)
        if (sealed.header.keystore, sealed.header.kind) != (self.uuid, kind):
            raise damaged(str(path), f"is no {kind} of this keystore")
        return SealedObject(sealed)

    @overload
    def get(self, object_id: str, kind: ExportableKind) -> ExportableObject: ...
    @overload
    def get(self, object_id: str, kind: Kind) -> SealedObject: ...
    def get(self, object_id: str, kind: Kind) -> SealedObject:
        """Open one object, active or retired.

        Raises
        ------
        KeystoreMissingError
            There is no such object, or it was destroyed.
        UsageError
            The id is mistyped, or the object is of another kind.
        IntegrityError
            Its file was changed or is gone.
        """
        entry = self._folder.catalogue().readable(parse_object_id(object_id), kind)
        sealed = self._folder.open_object(entry)
        return ExportableObject(sealed) if kind == "augconv" else SealedObject(sealed)

    def entries(self) -> tuple[Entry, ...]:
        """Return what is public about every object, tombstones too, oldest first."""
        return self._folder.catalogue().entries

    def entry(self, object_id: str) -> Entry:
        """Return what is public about one object."""
        return self._folder.catalogue().find(parse_object_id(object_id))

    def is_backed_up(self) -> bool:
        """Tell whether a backup was made since the last key, plan or signing key was sealed."""
        return self._folder.catalogue().is_backed_up()

    def set_state(self, object_id: str, state: Literal["active", "retired"]) -> None:
        """Retire an object (it still opens what it made), or take it up again."""
        with self.locked():
            listed = self._folder.catalogue()
            if listed.find(parse_object_id(object_id)).state == "destroyed":
                raise KeystoreMissingError(f"object {object_id} was destroyed and stays so")
            self._folder.write_catalogue(listed.with_state(parse_object_id(object_id), state))

    def retire(self, object_id: str) -> None:
        """Set an object's state to retired."""
        self.set_state(object_id, "retired")

    def destroy(self, object_id: str) -> None:
        """Overwrite an object's wrapped key, remove its file, leave a tombstone.

        Copies and backups of the file survive, and a solid-state disk may keep what was
        overwritten. After an interruption, a second call finishes the first.
        """
        object_id = parse_object_id(object_id)
        with self.locked():
            listed = self._folder.catalogue()
            listed.find(object_id)
            path = self._folder.object_path(object_id)
            with durable.plain_errors(f"cannot destroy {path}"):
                if path.exists():
                    seal.overwrite_wrap(path)
                    path.unlink()
                    durable.sync_folder(path.parent)
            self._folder.write_catalogue(listed.with_state(object_id, "destroyed"))

    def slots(self) -> tuple[Slot, ...]:
        """Return who may open the keystore."""
        return self._folder.header().slots

    def add_passphrase(self, passphrase: Secret, work: WorkFactors = RECOMMENDED) -> str:
        """Add a slot for a passphrase and return its id."""
        slot = passphrase_slot(self._master, passphrase, self.uuid, work)
        with self.locked():
            self._folder.write_header(self._folder.header().with_slot(slot))
        return slot.id

    def remove_slot(self, slot_id: str) -> None:
        """Remove one slot, never the last; who had opened it may have kept the master key."""
        with self.locked():
            self._folder.write_header(self._folder.header().without_slot(slot_id))

    def check(self) -> int:
        """Open every chunk of every object, and return how many objects there are."""
        entries = self._folder.catalogue().living()
        for entry in entries:
            SealedObject(self._folder.open_object(entry)).verify()
        return len(entries)

    def files(self) -> tuple[str, ...]:
        """Return the names, relative to the folder, of what a copy must hold."""
        objects = (f"{OBJECTS}/{e.object_id}.dpk" for e in self._folder.catalogue().living())
        return (header.FILE, catalogue.FILE, *objects)

    def record_backup(self) -> None:
        """Note that a backup holds every object; the caller holds the lock."""
        self._folder.write_catalogue(self._folder.catalogue().all_in_backup())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the keystore against other writers.

        Raises
        ------
        LockedError
            Another run holds it for longer than `lock_wait_seconds`.
        """
        with self._folder.locked(self.lock_wait_seconds):
            yield
