"""Signatures in minisign's text format, so that `minisign -V` checks a release.

    public key   base64( "Ed" | key number 8 | Ed25519 public key 32 ), begins with RW
    signature    untrusted comment: …
                 base64( "ED" | key number 8 | Ed25519 over BLAKE2b-512 of the message 64 )
                 trusted comment: …
                 base64( Ed25519 over the 64 bytes above and the trusted comment 64 )

minisign draws its key numbers at random, so anybody can make a key with another's number.
Ours are the first 8 bytes of BLAKE2b of the public key: `--fingerprint` then names the key
itself, and a second key with one fingerprint costs 2**64 trials. `PublicKey.is_bound` tells.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.manifest_json import is_plain
from dpkit.rng import SEED_BYTES, fresh_secret
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

UNTRUSTED: Final = "signature of a dpkit release"
MAX_SIGNATURE: Final = 4096  # characters of the whole text
NUMBER_BYTES: Final = 8
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who signs: an Ed25519 public key of 32 bytes and its key number of 8."""

    number: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read `RW…`, as minisign prints it.

        Raises
        ------
        UsageError
            It is no such text.
        """
        raw = _decoded(text, 2 + NUMBER_BYTES + _KEY_BYTES)
        if raw is None or raw[:2] != b"Ed":
            raise UsageError(
                f"{text[:80]!r} is no minisign public key",
                remedy="give the 56 characters that begin with RW",
            )
        return cls(raw[2 : 2 + NUMBER_BYTES], raw[2 + NUMBER_BYTES :])

    @property
    def text(self) -> str:
        """`RW…`, as minisign prints it."""
        return _encoded(b"Ed" + self.number + self.key)

    @property
    def fingerprint(self) -> str:
        """The key number as minisign prints it: 16 upper-case hex digits."""
        return self.number[::-1].hex().upper()

    @property
    def is_bound(self) -> bool:
        """Whether the key number follows from the key, as dpkit makes it."""
        return self.number == _bound_number(self.key)


class SigningKey:
    """The provider's signing key: an Ed25519 seed that nothing prints."""

    __slots__ = ("_seed", "public")

    def __init__(self, seed: Secret) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a signing seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._seed = seed
        key = self._private().public_key().public_bytes_raw()
        self.public = PublicKey(_bound_number(key), key)

    @classmethod
    def generate(cls) -> SigningKey:
        """Draw a new key from the operating system."""
        return cls(fresh_secret())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SigningKey:
        """Take the key from what `arrays` gave to the keystore."""
        return cls(Secret(np.ascontiguousarray(arrays["seed"], dtype=np.uint8).tobytes()))

    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Give the secret as a named array, for the keystore alone: `seed` uint8 [32]."""
        return {"seed": np.frombuffer(self._seed.reveal(), dtype=np.uint8)}

    def sign(self, message: bytes, trusted_comment: str) -> str:
        """Return the text of a signature over `message` and the trusted comment."""
        if not is_plain(trusted_comment):
            raise ValueError("a trusted comment is one line of plain text")
        private = self._private()
        signature = private.sign(hashlib.blake2b(message).digest())
        whole = private.sign(signature + trusted_comment.encode())
        return _compose(UNTRUSTED, b"ED" + self.public.number + signature, trusted_comment, whole)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._seed.reveal())


def verify(public: PublicKey, message: bytes, signature_text: str) -> str:
    """Check a signature, ours or minisign's, and return its trusted comment.

    The untrusted comment alone is free; every other character has one right value.

    Raises
    ------
    IntegrityError
        The text is no prehashed signature, another key made it, or message or comment differ.
    """
    untrusted, body, comment, whole = _parse(signature_text)
    number, signature = body[2 : 2 + NUMBER_BYTES], body[2 + NUMBER_BYTES :]
    if _compose(untrusted, body, comment, whole) != signature_text or body[:2] != b"ED":
        raise IntegrityError("the signature is not in minisign's prehashed format")
    if number != public.number:
        signer = PublicKey(number, b"").fingerprint
        raise IntegrityError(f"key {signer} signed, not {public.fingerprint}")
    try:
        key = Ed25519PublicKey.from_public_bytes(public.key)
        key.verify(signature, hashlib.blake2b(message).digest())
        key.verify(whole, signature + comment.encode())
    except (InvalidSignature, ValueError) as error:  # ValueError: no point of the curve
        raise IntegrityError(f"the signature of key {public.fingerprint} does not hold") from error
    return comment


def _bound_number(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=NUMBER_BYTES, person=b"dpkit signer").digest()


def _compose(untrusted: str, body: bytes, trusted: str, whole: bytes) -> str:
    lines = (
        f"untrusted comment: {untrusted}",
        _encoded(body),
        f"trusted comment: {trusted}",
        _encoded(whole),
    )
    return "\n".join(lines) + "\n"


def _parse(text: str) -> tuple[str, bytes, str, bytes]:
    if len(text) <= MAX_SIGNATURE and text.count("\n") == 4:  # noqa: PLR2004 (lines)
        first, second, third, fourth, _ = text.split("\n")
        body = _decoded(second, 2 + NUMBER_BYTES + _SIGNATURE_BYTES)
        whole = _decoded(fourth, _SIGNATURE_BYTES)
        if body is not None and whole is not None and is_plain(third):
            untrusted = first.removeprefix("untrusted comment: ")
            return untrusted, body, third.removeprefix("trusted comment: "), whole
    raise IntegrityError("the signature is not in minisign's format")


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decoded(text: str, size: int) -> bytes | None:
    """Return exactly `size` bytes of base64 in its one spelling, else None."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return raw if len(raw) == size and _encoded(raw) == text else None
