"""Who may open a keystore: each slot wraps the one master key for one key file or passphrase.

    key-file     slot key = HKDF(32 bytes of the file; uuid, slot id)
    passphrase   slot key = HKDF(Argon2id(passphrase; salt, m, t, p); uuid, slot id)
    wrapped      AES-256-GCM(slot key, nonce; master key), with everything else that the slot
                 says, and the uuid, as associated data

Limits are checked before any key derivation runs. Reference for the work factors: RFC 9106
section 4 recommends t=3, p=4 with 64 MiB where memory is short; OWASP's password storage
cheat sheet takes 19 MiB, t=2 as the least. A keystore is opened seldom and attacked offline,
so the memory here is four times the former.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from dpkit.errors import DpkitError, UsageError
from dpkit.keystore.canonical import TIME, Fields, canonical, damaged, now
from dpkit.rng import SEED_BYTES, derive
from dpkit.types import Secret

if TYPE_CHECKING:
    from dpkit.types import Json

SlotType = Literal["key-file", "passphrase"]

VERSION: Final = 1
MAX_SLOTS: Final = 64
MAX_PASSPHRASE_SLOTS: Final = 8  # each costs an Argon2id before the header can be trusted
NONCE_BYTES: Final = 12
WRAPPED_BYTES: Final = SEED_BYTES + 16  # the key and GCM's tag
MIN_PASSPHRASE: Final = 8  # characters; NIST SP 800-63B section 5.1.1.2
MAX_PASSPHRASE_BYTES: Final = 1024
_SALT_BYTES: Final = 16  # RFC 9106 section 3.1
_SLOT_ID_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class WorkFactors:
    """Argon2id's cost.

    Parameters
    ----------
    memory_kib
        m, 8 x lanes to 1 GiB.
    passes
        t, 1 to 16.
    lanes
        p, 1 to 16.
    """

    memory_kib: int
    passes: int
    lanes: int

    def to_json(self) -> dict[str, Json]:
        """Return the public form."""
        return {"memory_kib": self.memory_kib, "passes": self.passes, "lanes": self.lanes}


RECOMMENDED: Final = WorkFactors(memory_kib=256 * 1024, passes=3, lanes=4)


@dataclass(frozen=True, slots=True)
class Slot:
    """One way in; everything here is public.

    `work` and `salt` (16 bytes) are there for a passphrase alone.
    """

    id: str
    type: SlotType
    created: str
    work: WorkFactors | None
    salt: bytes
    nonce: bytes
    wrapped: bytes

    def terms(self) -> dict[str, Json]:
        """Return all but the wrapped key: what its associated data binds."""
        kdf: dict[str, Json] = {"name": "HKDF-SHA-256"}
        if self.work:
            kdf = {"name": "Argon2id", "salt": self.salt.hex(), **self.work.to_json()}
        return {"id": self.id, "type": self.type, "created": self.created, "kdf": kdf}

    def to_json(self) -> dict[str, Json]:
        """Return the slot as it stands in `keystore.json`."""
        return {**self.terms(), "nonce": self.nonce.hex(), "wrapped": self.wrapped.hex()}


def parse_slot(document: Json, where: str) -> Slot:
    """Read one slot, each number within its limit."""
    fields = Fields(document, "id type created kdf nonce wrapped", where)
    kind = fields.text("type", "key-file|passphrase")
    work, salt = None, b""
    if kind == "passphrase":
        kdf = Fields(fields.member("kdf"), "name salt memory_kib passes lanes", where)
        kdf.text("name", "Argon2id")
        lanes = kdf.number("lanes", 1, 16)
        memory_kib = kdf.number("memory_kib", 8 * lanes, 1024 * 1024)  # 1 GiB
        work = WorkFactors(memory_kib, kdf.number("passes", 1, 16), lanes)
        salt = kdf.hexadecimal("salt", _SALT_BYTES)
    else:
        Fields(fields.member("kdf"), "name", where).text("name", "HKDF-SHA-256")
    return Slot(
        id=fields.text("id", f"[0-9a-f]{{{2 * _SLOT_ID_BYTES}}}"),
        type="passphrase" if work else "key-file",
        created=fields.text("created", TIME),
        work=work,
        salt=salt,
        nonce=fields.hexadecimal("nonce", NONCE_BYTES),
        wrapped=fields.hexadecimal("wrapped", WRAPPED_BYTES),
    )


def check_slots(slots: tuple[Slot, ...], where: str) -> None:
    """Refuse slots that are none, too many, or of one id."""
    passphrases = sum(slot.type == "passphrase" for slot in slots)
    if not 1 <= len(slots) <= MAX_SLOTS or passphrases > MAX_PASSPHRASE_SLOTS:
        raise damaged(
            where, f"does not have 1 to {MAX_SLOTS} slots, {MAX_PASSPHRASE_SLOTS} by passphrase"
        )
    if len({slot.id for slot in slots}) != len(slots):
        raise damaged(where, "has two slots of one id")


def check_room(slots: tuple[Slot, ...], new: Slot) -> None:
    """Raise `UsageError` where one slot more would be over a limit."""
    alike = sum(slot.type == new.type for slot in slots)
    if len(slots) >= MAX_SLOTS or (new.work and alike >= MAX_PASSPHRASE_SLOTS):
        raise UsageError(
            f"a keystore has at most {MAX_SLOTS} slots, {MAX_PASSPHRASE_SLOTS} by passphrase",
            remedy="remove one first: `dpkit keys remove-slot`",
        )


def key_file_slot(master: Secret, key: Secret, uuid: str) -> Slot:
    """Wrap the master key for a key file's 32 bytes."""
    slot_id = os.urandom(_SLOT_ID_BYTES).hex()
    return _wrapped(Slot(slot_id, "key-file", now(), None, b"", b"", b""), master, key, uuid)


def passphrase_slot(master: Secret, passphrase: Secret, uuid: str, work: WorkFactors) -> Slot:
    """Wrap the master key for a passphrase.

    Raises
    ------
    UsageError
        The passphrase has fewer than 8 characters.
    """
    if len(passphrase.reveal().decode()) < MIN_PASSPHRASE:
        raise UsageError(
            f"a passphrase needs at least {MIN_PASSPHRASE} characters", remedy="take a longer one"
        )
    slot_id, salt = os.urandom(_SLOT_ID_BYTES).hex(), os.urandom(_SALT_BYTES)
    slot = Slot(slot_id, "passphrase", now(), work, salt, b"", b"")
    return _wrapped(slot, master, passphrase, uuid)


def normalized(text: str) -> Secret:
    """Return a passphrase in Unicode's form NFC as UTF-8, so that keyboards agree.

    Raises
    ------
    UsageError
        It is empty, longer than 1024 bytes, or no text.
    """
    try:
        value = unicodedata.normalize("NFC", text).encode()
    except UnicodeEncodeError:
        raise UsageError("the passphrase is not UTF-8", remedy="write it as UTF-8") from None
    if not 1 <= len(value) <= MAX_PASSPHRASE_BYTES:
        raise UsageError(f"the passphrase has {len(value)} bytes, not 1 to {MAX_PASSPHRASE_BYTES}")
    return Secret(value)


def unwrap(slot: Slot, secret: Secret, uuid: str) -> Secret | None:
    """Return the master key, or None where the secret is not this slot's."""
    try:
        key = AESGCM(_slot_key(slot, secret, uuid).reveal())
        return Secret(key.decrypt(slot.nonce, slot.wrapped, _associated(slot, uuid)))
    except InvalidTag:
        return None


def _wrapped(slot: Slot, master: Secret, secret: Secret, uuid: str) -> Slot:
    key, nonce = AESGCM(_slot_key(slot, secret, uuid).reveal()), os.urandom(NONCE_BYTES)
    wrapped = key.encrypt(nonce, master.reveal(), _associated(slot, uuid))
    return Slot(slot.id, slot.type, slot.created, slot.work, slot.salt, nonce, wrapped)


def _slot_key(slot: Slot, secret: Secret, uuid: str) -> Secret:
    if slot.work:
        secret = _stretch(secret, slot.salt, slot.work)
    return derive(secret, f"keystore slot {slot.type}", uuid.encode(), slot.id.encode())


def _stretch(passphrase: Secret, salt: bytes, work: WorkFactors) -> Secret:
    kdf = Argon2id(
        salt=salt,
        length=SEED_BYTES,
        iterations=work.passes,
        lanes=work.lanes,
        memory_cost=work.memory_kib,
    )
    try:
        return Secret(kdf.derive(passphrase.reveal()))
    except MemoryError as error:
        raise DpkitError(
            f"the passphrase's slot needs {work.memory_kib // 1024} MiB of free memory",
            remedy="free memory, or open the keystore with its key file",
        ) from error


def _associated(slot: Slot, uuid: str) -> bytes:
    return canonical({"version": VERSION, "keystore": uuid, **slot.terms()})
