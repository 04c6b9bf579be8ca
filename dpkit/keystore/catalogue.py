"""`catalogue.json`: which objects there are and in which state, under an HMAC.

It stands apart from the header, whose 64 KiB are read before anything can be trusted. An object
that is not listed is not there; one that is listed and whose file is missing was taken away.
A destroyed object stays listed, as its tombstone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from dpkit.errors import KeystoreMissingError, UsageError
from dpkit.keystore import ids
from dpkit.keystore.canonical import (
    LABEL,
    TIME,
    UUID,
    Fields,
    check_mac,
    damaged,
    parse,
    with_mac,
)
from dpkit.keystore.header import check_version
from dpkit.keystore.slots import VERSION
from dpkit.rng import derive

if TYPE_CHECKING:
    from dpkit.types import Json, Secret

Kind = Literal["key", "plan", "signing", "ledger", "augconv", "consent", "checkpoint"]
ExportableKind = Literal["augconv"]  # nothing else ever leaves a keystore
State = Literal["active", "retired", "destroyed"]

FORMAT: Final = "dpkit-keystore-catalogue"
FILE: Final = "catalogue.json"
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_OBJECTS: Final = 10_000
MAX_PAYLOAD: Final = 2**40  # 1 TiB
KIND_PATTERN: Final = "|".join(get_args(Kind))
_NEEDED_FOR_RESTORE: Final = ("key", "plan", "signing")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is public about one object; `bytes` is the length of its payload."""

    object_id: str
    kind: Kind
    state: State
    created: str
    bytes: int
    label: str
    is_in_backup: bool = False

    def to_json(self) -> dict[str, Json]:
        """Return the entry as it stands in `catalogue.json`."""
        return {
            "id": self.object_id,
            "kind": self.kind,
            "state": self.state,
            "created": self.created,
            "bytes": self.bytes,
            "label": self.label,
            "in_backup": self.is_in_backup,
        }


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries of one keystore, oldest first."""

    uuid: str
    entries: tuple[Entry, ...] = ()

    def find(self, object_id: str) -> Entry:
        """Return one entry, or raise `KeystoreMissingError`."""
        for entry in self.entries:
            if entry.object_id == object_id:
                return entry
        raise KeystoreMissingError(
            f"keystore {self.uuid} has no object {object_id}",
            remedy="`dpkit keys list` prints what it has",
        )

    def readable(self, object_id: str, kind: Kind) -> Entry:
        """Return the entry of an object that can be opened as of this kind.

        Raises
        ------
        KeystoreMissingError
            There is no such object, or it was destroyed.
        UsageError
            It is of another kind.
        """
        entry = self.find(object_id)
        if entry.state == "destroyed":
            raise KeystoreMissingError(
                f"object {object_id} was destroyed", remedy="a backup may still hold it"
            )
        if entry.kind != kind:
            raise UsageError(
                f"object {object_id} is of kind {entry.kind}, not {kind}",
                remedy="`dpkit keys list` prints the kinds",
            )
        return entry

    def with_new(self, entry: Entry) -> Catalogue:
        """Return the catalogue with one entry more."""
        if entry.object_id in {known.object_id for known in self.entries}:
            raise UsageError(f"id {entry.object_id} is taken", remedy="an id is used once")
        if len(self.entries) >= MAX_OBJECTS:
            raise UsageError(
                f"the keystore has {MAX_OBJECTS} objects, its limit", remedy="begin another one"
            )
        return replace(self, entries=(*self.entries, entry))

    def with_state(self, object_id: str, state: State) -> Catalogue:
        """Return the catalogue with one entry's state changed."""
        self.find(object_id)
        entries = tuple(
            replace(e, state=state) if e.object_id == object_id else e for e in self.entries
        )
        return replace(self, entries=entries)

    def all_in_backup(self) -> Catalogue:
        """Return the catalogue after a backup."""
        return replace(self, entries=tuple(replace(e, is_in_backup=True) for e in self.entries))

    def is_backed_up(self) -> bool:
        """Tell whether a backup holds every object without which a release cannot be restored."""
        needed = [e for e in self.living() if e.kind in _NEEDED_FOR_RESTORE]
        return all(entry.is_in_backup for entry in needed)

    def living(self) -> tuple[Entry, ...]:
        """Return the entries that are not tombstones."""
        return tuple(entry for entry in self.entries if entry.state != "destroyed")

    def to_bytes(self, master: Secret) -> bytes:
        """Write the catalogue with its HMAC."""
        document: dict[str, Json] = {
            "format": FORMAT,
            "version": VERSION,
            "keystore": self.uuid,
            "objects": [entry.to_json() for entry in self.entries],
        }
        return with_mac(document, _mac_key(master, self.uuid))


def parse_catalogue(data: bytes, master: Secret, uuid: str, where: str) -> Catalogue:
    """Read a catalogue: length, HMAC, version, then every member within its limits."""
    if len(data) > MAX_BYTES:
        raise damaged(where, f"has more than {MAX_BYTES} bytes")
    body = check_mac(parse(data, where), _mac_key(master, uuid), where)
    check_version(body, FORMAT, where)
    fields = Fields(body, "format version keystore objects", where)
    if fields.text("keystore", UUID) != uuid:
        raise damaged(where, "belongs to another keystore")
    objects = fields.items("objects", MAX_OBJECTS)
    return Catalogue(uuid, tuple(_parse_entry(document, where) for document in objects))


def _parse_entry(document: Json, where: str) -> Entry:
    fields = Fields(document, "id kind state created bytes label in_backup", where)
    return Entry(
        object_id=fields.text("id", ids.PATTERN),
        kind=cast("Kind", fields.text("kind", KIND_PATTERN)),
        state=cast("State", fields.text("state", "|".join(get_args(State)))),
        created=fields.text("created", TIME),
        bytes=fields.number("bytes", 0, MAX_PAYLOAD),
        label=fields.text("label", LABEL),
        is_in_backup=fields.flag("in_backup"),
    )


def _mac_key(master: Secret, uuid: str) -> Secret:
    return derive(master, "keystore catalogue mac", uuid.encode())
