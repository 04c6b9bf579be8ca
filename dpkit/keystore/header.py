"""`keystore.json`: the public header that says who may open the keystore.

Canonical JSON of at most 64 KiB: format, version, uuid, created, slots, mac. What was read is an
`UncheckedHeader`: it gives no more than is needed to find the master key, and becomes a `Header`
when the HMAC under a key from that master fits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.keystore.canonical import MAC, TIME, UUID, Fields, check_mac, damaged, parse, with_mac
from dpkit.keystore.slots import VERSION, Slot, check_room, check_slots, parse_slot
from dpkit.rng import derive

if TYPE_CHECKING:
    from dpkit.types import Json, Secret

FORMAT: Final = "dpkit-keystore"
FILE: Final = "keystore.json"
MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """Which keystore this is, and its slots."""

    uuid: str
    created: str
    slots: tuple[Slot, ...]

    def with_slot(self, slot: Slot) -> Header:
        """Return the header with one slot more."""
        check_room(self.slots, slot)
        return replace(self, slots=(*self.slots, slot))

    def without_slot(self, slot_id: str) -> Header:
        """Return the header with one slot fewer, which is never the last."""
        left = tuple(slot for slot in self.slots if slot.id != slot_id)
        if len(left) == len(self.slots):
            raise UsageError(
                f"there is no slot {slot_id[:40]}", remedy="`dpkit keys show` prints the slots"
            )
        if not left:
            raise UsageError(
                f"slot {slot_id} is the last one: without it nothing could be opened",
                remedy="add another first: `dpkit keys add-passphrase`",
            )
        return replace(self, slots=left)

    def to_bytes(self, master: Secret) -> bytes:
        """Write the header with its HMAC."""
        document: dict[str, Json] = {
            "format": FORMAT,
            "version": VERSION,
            "uuid": self.uuid,
            "created": self.created,
            "slots": [slot.to_json() for slot in self.slots],
        }
        return with_mac(document, _mac_key(master, self.uuid))


@dataclass(frozen=True, slots=True)
class UncheckedHeader:
    """A header whose HMAC nobody has checked yet."""

    claimed: Header
    document: dict[str, Json]
    where: str

    def checked(self, master: Secret) -> Header:
        """Return the header if the holder of `master` wrote it, else raise `IntegrityError`."""
        check_mac(self.document, _mac_key(master, self.claimed.uuid), self.where)
        return self.claimed


def parse_header(data: bytes, where: str) -> UncheckedHeader:
    """Read a header: length and version first, then every member within its limits."""
    if len(data) > MAX_BYTES:
        raise damaged(where, f"has more than {MAX_BYTES} bytes")
    document = parse(data, where)
    check_version(document, FORMAT, where)
    fields = Fields(document, f"format version uuid created slots {MAC}", where)
    slots = tuple(parse_slot(slot, where) for slot in fields.items("slots", 64))
    check_slots(slots, where)
    header = Header(fields.text("uuid", UUID), fields.text("created", TIME), slots)
    return UncheckedHeader(header, document, where)


def check_version(document: dict[str, Json], name: str, where: str) -> None:
    """Refuse a document of another format or version before anything else of it is read."""
    if document.get("format") != name:
        raise damaged(where, f"is not of the format {name}")
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise damaged(where, f"has version {str(version)[:20]}, this dpkit reads {VERSION}")


def _mac_key(master: Secret, uuid: str) -> Secret:
    return derive(master, "keystore header mac", uuid.encode())
