"""The keystore's folder: where its files lie, each read and written under the master key.

NAME.dpks/ (0700)
keystore.json     who may open it              header.py, slots.py
catalogue.json    which objects, which state   catalogue.py
objects/ID.dpk    one sealed object            seal.py, arrays.py
lock              held while something is written
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dpkit.keystore import catalogue, durable, header, seal
from dpkit.keystore.canonical import damaged
from dpkit.keystore.opening import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dpkit.keystore.catalogue import Catalogue, Entry
    from dpkit.keystore.header import Header
    from dpkit.types import Secret

OBJECTS: Final = "objects"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one keystore; nothing is remembered between two calls."""

    path: Path
    uuid: str
    master: Secret

    def fill(self, first: Header, empty: Catalogue) -> None:
        """Write the files of a new keystore."""
        (self.path / OBJECTS).mkdir(mode=durable.FOLDER_MODE)
        durable.create_private(self.path / header.FILE, first.to_bytes(self.master))
        durable.create_private(self.path / catalogue.FILE, empty.to_bytes(self.master))

    def header(self) -> Header:
        """Read the header and check that it is this keystore's."""
        checked = read_header(self.path).checked(self.master)
        if checked.uuid != self.uuid:
            raise damaged(str(self.path), "is another keystore")
        return checked

    def catalogue(self) -> Catalogue:
        """Read and check the catalogue."""
        path = self.path / catalogue.FILE
        try:
            content = durable.read_private(path, catalogue.MAX_BYTES)
        except FileNotFoundError:
            raise damaged(str(path), "is gone") from None
        return catalogue.parse_catalogue(content, self.master, self.uuid, str(path))

    def write_header(self, changed: Header) -> None:
        """Replace the header."""
        with durable.aside(self.path / header.FILE) as file:
            file.write(changed.to_bytes(self.master))

    def write_catalogue(self, changed: Catalogue) -> None:
        """Replace the catalogue."""
        with durable.aside(self.path / catalogue.FILE) as file:
            file.write(changed.to_bytes(self.master))

    def object_path(self, object_id: str) -> Path:
        """Return where an object lies."""
        return self.path / OBJECTS / f"{object_id}.dpk"

    def open_object(self, entry: Entry) -> seal.SealedBytes:
        """Open the file of one entry and check that it is the one listed."""
        where = f"object {entry.object_id}"
        try:
            sealed = seal.SealedBytes(self.object_path(entry.object_id), self.master)
        except FileNotFoundError:
            raise damaged(where, "is listed and its file is gone") from None
        head = sealed.header
        found = (head.keystore, head.object_id, head.kind, head.size, head.label, head.created)
        listed = (entry.object_id, entry.kind, entry.bytes, entry.label, entry.created)
        if found != (self.uuid, *listed):
            raise damaged(where, "is not the one that the catalogue lists")
        return sealed

    def remove_leftovers(self) -> None:
        """Remove what a killed run left half-written; the caller holds the lock."""
        for partial in (self.path / OBJECTS).glob(".*.partial"):
            partial.unlink()

    @contextmanager
    def locked(self, wait_seconds: float) -> Iterator[None]:
        """Hold the keystore against other writers."""
        with durable.exclusive(self.path / _LOCK, wait_seconds):
            yield
