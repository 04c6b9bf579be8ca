"""Randomness: entropy from the operating system, expanded by HKDF and ChaCha20.

Nothing here keeps state between calls. A draw is named by what it is for, so that
the same key, purpose and row give the same numbers on any machine, in any order.

    seed      32 bytes from the operating system (`fresh_secret`), or given by a test
    derive    HKDF-SHA-256 (RFC 5869) of a seed for one purpose and context
    Stream    the ChaCha20 keystream (RFC 8439) of a derived key, one nonce a row
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dpkit.types.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEED_BYTES: Final = 32


def fresh_secret() -> Secret:
    """Draw a new 256-bit seed from the operating system."""
    return Secret(os.urandom(SEED_BYTES))


def derive(seed: Secret, purpose: str, *context: bytes) -> Secret:
    """Derive the 256-bit secret of one purpose and context from `seed`.

    Each part of the context is prefixed by its length, so that no two contexts collide.
    """
    info = b"".join(len(p).to_bytes(4, "big") + p for p in (purpose.encode(), *context))
    hkdf = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=b"dpkit/1", info=info)
    return Secret(hkdf.derive(seed.reveal()))


class Stream:
    """The ChaCha20 keystream of one secret and one 64-bit nonce, read from its start.

    Parameters
    ----------
    secret
        32 bytes, from `derive`; never used for two purposes.
    nonce
        Row or attempt number, 0 to 2**64 - 1.
    """

    def __init__(self, secret: Secret, nonce: int = 0) -> None:
        block_counter = bytes(4)
        algorithm = ChaCha20(secret.reveal(), block_counter + nonce.to_bytes(12, "little"))
        self._encryptor = Cipher(algorithm, mode=None).encryptor()

    def bytes(self, n: int) -> bytes:
        """Return the next `n` bytes."""
        return self._encryptor.update(bytes(n))

    def uint64(self, n: int) -> NDArray[np.uint64]:
        """Return the next `n` little-endian 64-bit words, uniform, shape [n]."""
        return np.frombuffer(self.bytes(8 * n), dtype="<u8").astype(np.uint64)

    def fill(self, out: NDArray[np.uint8]) -> None:
        """Write the next bytes into `out`, C-contiguous, shape [n]."""
        self._encryptor.update_into(bytes(len(out)), out.data)

    def uniform(self, n: int) -> NDArray[np.float64]:
        """Return `n` numbers in the open interval (0, 1), shape [n]: (k + 1/2) / 2**52."""
        return ((self.uint64(n) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

    def permutation(self, n: int) -> NDArray[np.int64]:
        """Return a uniform permutation of 0 … n-1, shape [n].

        Rows are sorted by 64-bit words; a tie (n² / 2**65) keeps the lower row first.
        """
        return np.argsort(self.uint64(n), kind="stable")


def next_words(streams: Sequence[Stream], n: int) -> NDArray[np.uint64]:
    """Return the next `n` words of each stream, as `Stream.uint64` does, shape [streams,n]."""
    words = np.empty((len(streams), n), "<u8")
    for stream, line in zip(streams, words.view(np.uint8), strict=True):
        stream.fill(line)
    return words.astype(np.uint64, copy=False)
