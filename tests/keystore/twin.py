"""A second reader of a keystore, written from docs/keystore.md alone: nothing of dpkit."""

import hashlib
import hmac
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret, purpose, *parts):
    info = b"".join(struct.pack(">I", len(p)) + p for p in (purpose, *parts))
    return HKDF(algorithm=SHA256(), length=32, salt=b"dpkit/1", info=info).derive(secret)


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def checked(document, key):
    body = {name: value for name, value in document.items() if name != "mac"}
    expected = hmac.new(key, canonical(body), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, document["mac"]):
        raise ValueError("mac")
    return body


def argon2id(passphrase, kdf):
    return Argon2id(
        salt=bytes.fromhex(kdf["salt"]),
        length=32,
        iterations=kdf["passes"],
        lanes=kdf["lanes"],
        memory_cost=kdf["memory_kib"],
    ).derive(passphrase)


def open_master(folder: Path, slot_type: str, secret: bytes):
    header = json.loads((folder / "keystore.json").read_bytes())
    uuid = header["uuid"].encode()
    slot = next(slot for slot in header["slots"] if slot["type"] == slot_type)
    if slot_type == "passphrase":
        secret = argon2id(secret, slot["kdf"])
    slot_key = derive(secret, b"keystore slot " + slot_type.encode(), uuid, slot["id"].encode())
    terms = {name: slot[name] for name in ("created", "id", "kdf", "type")}
    associated = canonical({**terms, "keystore": header["uuid"], "version": 1})
    nonce, wrapped = bytes.fromhex(slot["nonce"]), bytes.fromhex(slot["wrapped"])
    master = AESGCM(slot_key).decrypt(nonce, wrapped, associated)
    checked(header, derive(master, b"keystore header mac", uuid))
    return master, header["uuid"]


def read_catalogue(folder: Path, master: bytes, uuid: str):
    document = json.loads((folder / "catalogue.json").read_bytes())
    return checked(document, derive(master, b"keystore catalogue mac", uuid.encode()))["objects"]


def read_payload(path: Path, master: bytes) -> bytes:
    data = path.read_bytes()
    magic, version, length = struct.unpack_from(">8sHI", data)
    if (magic, version) != (b"\x89DPK\r\n\x1a\n", 1):
        raise ValueError("magic")
    start, wrap, body = data[: 14 + length], data[14 + length : 74 + length], data[74 + length :]
    header = json.loads(start[14:])
    parts = (header["keystore"].encode(), header["id"].encode(), bytes.fromhex(header["salt"]))
    wrapping = AESGCM(derive(master, b"keystore object", *parts))
    cipher = AESGCM(wrapping.decrypt(wrap[:12], wrap[12:], start))
    stride, payload = header["chunk_bytes"] + 16, b""
    n_chunks = max(1, -(-header["size"] // header["chunk_bytes"]))
    for i in range(n_chunks):
        last = b"\1" if i == n_chunks - 1 else b"\0"
        nonce = bytes.fromhex(header["prefix"]) + struct.pack(">I", i) + last
        payload += cipher.decrypt(nonce, body[i * stride : (i + 1) * stride], start + wrap)
    return payload
