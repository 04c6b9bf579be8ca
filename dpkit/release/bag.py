"""The bag around a release (RFC 8493): who lists what, so that old tools can check it.

    bagit.txt               the version of the standard
    bag-info.txt            release id, day, and Payload-Oxum: bytes and files below data/
    manifest-sha256.txt     a digest for each file below data/
    tagmanifest-sha256.txt  a digest for every other file but itself and its signature

A digest line is `HEX  PATH`, as `sha256sum -c` reads it. In a path, `%`, line feed and carriage
return are percent-encoded, as the RFC says; the paths of a release need none of that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dpkit.errors import IntegrityError
from dpkit.release.aside import write_file
from dpkit.release.manifest_json import is_plain
from dpkit.release.tree import (
    BAG_INFO,
    BAGIT,
    DIGESTS,
    INDEX,
    MANIFEST,
    SIGNATURE,
    TAG_DIGESTS,
    sha256_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dpkit.release.manifest import Manifest
    from dpkit.release.signature import SigningKey

BAGIT_TEXT: Final = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MAX_LINES: Final = 400_000
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^\n]{1,1000})")
_OXUM: Final = re.compile(r"Payload-Oxum: ([0-9]{1,18})\.([0-9]{1,9})", re.MULTILINE)
_ENCODED: Final = {"%0A": "\n", "%0D": "\r", "%25": "%"}


@dataclass(frozen=True, slots=True)
class Written:
    """A file that has been written: its size and its SHA-256 in lower-case hex."""

    bytes: int
    sha256: str


def seal(folder: Path, manifest: Manifest, index: Written, key: SigningKey) -> None:
    """Write manifest.json and the bag's own files, and sign: the last step before the rename.

    Everything else of the release (shards, index, card, reports) stands in `folder` already;
    shards and index are not read again. The signature is written last.

    Raises
    ------
    ValueError
        The manifest names another signer.
    """
    if manifest.signer.public_key != key.public.text:
        raise ValueError(f"the manifest names signer {manifest.signer.fingerprint}")
    payload = {shard.file: Written(shard.bytes, shard.sha256) for shard in manifest.shards}
    payload[INDEX] = index
    write_file(folder / MANIFEST, manifest.to_json().encode())
    write_file(folder / BAGIT, BAGIT_TEXT.encode())
    write_file(folder / BAG_INFO, info_text(manifest, payload).encode())
    digests = {path: entry.sha256 for path, entry in payload.items()}
    write_file(folder / DIGESTS, digest_text(digests).encode())
    tags = [entry for entry in folder.iterdir() if entry.is_file()]
    listed = {entry.name: sha256_of(entry) for entry in tags if entry.name not in _UNLISTED}
    text = digest_text(listed).encode()
    write_file(folder / TAG_DIGESTS, text)
    signature = key.sign(text, trusted_comment(manifest.release_id))
    write_file(folder / SIGNATURE, signature.encode())


def trusted_comment(release_id: str) -> str:
    """Return the comment that the signature covers."""
    return f"dpkit release {release_id}"


def info_text(manifest: Manifest, payload: Mapping[str, Written]) -> str:
    """Return `bag-info.txt`."""
    size = sum(entry.bytes for entry in payload.values())
    lines = (
        f"External-Identifier: {manifest.release_id}",
        f"Bagging-Date: {manifest.created}",
        "Bag-Software-Agent: dpkit",
        f"Payload-Oxum: {size}.{len(payload)}",
    )
    return "\n".join(lines) + "\n"


def parse_oxum(text: str) -> tuple[int, int]:
    """Return bytes and number of the payload files that `bag-info.txt` states."""
    found = _OXUM.findall(text)
    if len(found) != 1:
        raise IntegrityError(f"{BAG_INFO}: no single Payload-Oxum")
    return int(found[0][0]), int(found[0][1])


def digest_text(digests: Mapping[str, str]) -> str:
    """Return a digest file, sorted by path."""
    return "".join(f"{digest}  {_encode(path)}\n" for path, digest in sorted(digests.items()))


def parse_digests(text: str, name: str) -> dict[str, str]:
    """Read a digest file that anybody may have written, as path → digest.

    Raises
    ------
    IntegrityError
        A line is none, a path is absolute, leaves its folder or stands twice.
    """
    if text.count("\n") > MAX_LINES:
        raise IntegrityError(f"{name}: more than {MAX_LINES} lines")
    digests: dict[str, str] = {}
    for line in text.removesuffix("\n").split("\n"):
        match = _LINE.fullmatch(line)
        path = _decode(match[2]) if match else ""
        if match is None or not _is_inside(path) or path in digests:
            raise IntegrityError(f"{name}: {line[:120]!r} is no line of a digest and a new path")
        digests[path] = match[1]
    return digests


_UNLISTED: Final = (TAG_DIGESTS, SIGNATURE)


def _is_inside(path: str) -> bool:
    steps = path.split("/")
    plain = is_plain(path) and "\\" not in path and ":" not in path
    return plain and all(step not in ("", ".", "..") for step in steps)


def _encode(path: str) -> str:
    for code, character in reversed(_ENCODED.items()):
        path = path.replace(character, code)
    return path


def _decode(path: str) -> str:
    return re.sub(
        "%(?:0A|0D|25)", lambda code: _ENCODED[code[0].upper()], path, flags=re.IGNORECASE
    )
