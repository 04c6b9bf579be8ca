"""The keystore's signing key: made when the first release begins, opened again to publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpkit.release.signature import SigningKey

if TYPE_CHECKING:
    from dpkit.keystore.store import Keystore


def signing_key(keystore: Keystore) -> SigningKey:
    """Open the keystore's signing key, making it where there is none."""
    for entry in keystore.entries():
        if entry.kind == "signing" and entry.state == "active":
            sealed = keystore.get(entry.object_id, "signing")
            return SigningKey.from_arrays({name: sealed.array(name) for name in sealed.names()})
    made = SigningKey.generate()
    keystore.put("signing", {}, made.arrays(), label=made.public.fingerprint)
    return made
