"""Checking a release without any key: signature, then tag manifest, manifest, files.

The signature covers the tag manifest, which lists manifest.json and manifest-sha256.txt, which
list every shard: so one signature speaks for every byte. What is not signed is not believed:
of manifest.json only the public key is read before the signature holds. `quick` stops at the
sizes of the payload; `full` reads all of it (`payload`).

A signature that holds proves that nobody but the key's holder made the release, not who that
is: name the fingerprint that the provider gave you by another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dpkit.errors import DpkitError, IntegrityError, UsageError
from dpkit.release.bag import BAGIT_TEXT, parse_digests, parse_oxum, trusted_comment
from dpkit.release.manifest import Manifest
from dpkit.release.manifest_json import load
from dpkit.release.payload import check_payload
from dpkit.release.signature import UNTRUSTED, PublicKey
from dpkit.release.signature import verify as verify_signature
from dpkit.release.tree import (
    BAG_INFO,
    BAGIT,
    DIGESTS,
    INDEX,
    MANIFEST,
    NEEDED,
    PAYLOAD,
    SIGNATURE,
    TAG_DIGESTS,
    read_tag,
    read_text,
    sha256_of,
    sizes_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Level: TypeAlias = Literal["quick", "full"]
Progress: TypeAlias = "Callable[[int, int], None]"  # bytes read, bytes to read
FINGERPRINT_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a release that holds is: every other outcome is an exception.

    `authenticated` is true where the caller named the signer; `notes` are sentences.
    """

    release_id: str
    signer: str
    authenticated: bool
    images: int
    shards: int
    notes: tuple[str, ...]


def verify(
    path: Path,
    *,
    fingerprint: str | None = None,
    level: Level = "full",
    progress: Progress | None = None,
) -> Verdict:
    """Check a release folder.

    Parameters
    ----------
    fingerprint
        The signer to insist on: 16 hex digits, or the whole public key (`RW…`).
    level
        `quick`: signature, manifest and sizes; `full`: also every byte of the payload.

    Raises
    ------
    UsageError
        The folder is no release, its format is newer, or `fingerprint` is neither form.
    IntegrityError
        The first file that is not what was signed, by name.
    DpkitError
        The system does not let a file be read.
    """
    try:
        manifest, notes = verified_manifest(path, fingerprint)
        if level == "full":
            check_payload(path, manifest, progress)
    except OSError as error:
        raise DpkitError(
            f"{error.filename}: cannot be read ({error.strerror})",
            remedy="check the folder's permissions and disk, then verify again",
        ) from error
    return Verdict(
        release_id=manifest.release_id,
        signer=manifest.signer.fingerprint,
        authenticated=fingerprint is not None,
        images=manifest.images,
        shards=len(manifest.shards),
        notes=notes,
    )


def verified_manifest(path: Path, fingerprint: str | None) -> tuple[Manifest, tuple[str, ...]]:
    """Do the quick check; return the manifest that it vouches for, and the notes."""
    sizes = sizes_of(path)
    for name in NEEDED:
        if name not in sizes:
            raise IntegrityError(f"{name}: missing from {path}")
    signer = _claimed_signer(path, sizes)
    if fingerprint is not None:
        _check_pin(signer, fingerprint)
    comment = _check_signature(path, sizes, signer)
    _check_tags(path, sizes)
    manifest = Manifest.from_json(read_tag(path, MANIFEST, sizes[MANIFEST]))
    _check_names(manifest, signer, comment)
    _check_payload_list(path, manifest, sizes)
    named = "intact; signed by the key you named"
    return manifest, (named if fingerprint else "intact; signer not authenticated",)


def _claimed_signer(path: Path, sizes: Mapping[str, int]) -> PublicKey:
    claimed = load(read_tag(path, MANIFEST, sizes[MANIFEST])).child("signer")
    try:
        signer = PublicKey.parse(claimed.text("public_key"))
    except UsageError as error:
        raise IntegrityError(f"{MANIFEST}: {error}") from error
    if not signer.is_bound:
        raise IntegrityError(f"{MANIFEST}: the signer's key number is not that of its key")
    return signer


def _check_pin(signer: PublicKey, fingerprint: str) -> None:
    wanted = fingerprint.replace(" ", "").removeprefix("0x")
    if len(wanted) == FINGERPRINT_DIGITS and set(wanted.upper()) <= set("0123456789ABCDEF"):
        agrees = wanted.upper() == signer.fingerprint
    else:
        agrees = PublicKey.parse(wanted) == signer
    if not agrees:
        raise IntegrityError(
            f"{SIGNATURE}: signed by {signer.fingerprint}, not by {wanted[:56]}",
            remedy="ask the provider which key signs, by a way other than the release",
        )


def _check_signature(path: Path, sizes: Mapping[str, int], signer: PublicKey) -> str:
    text = read_text(path, SIGNATURE, sizes[SIGNATURE])
    try:
        comment = verify_signature(signer, read_tag(path, TAG_DIGESTS, sizes[TAG_DIGESTS]), text)
    except IntegrityError as error:
        raise IntegrityError(f"{SIGNATURE}: {error}") from error
    if not text.startswith(f"untrusted comment: {UNTRUSTED}\n"):
        raise IntegrityError(f"{SIGNATURE}: its untrusted comment is not dpkit's")
    return comment


def _check_tags(path: Path, sizes: Mapping[str, int]) -> None:
    listed = parse_digests(read_text(path, TAG_DIGESTS, sizes[TAG_DIGESTS]), TAG_DIGESTS)
    present = {name for name in sizes if "/" not in name} - {TAG_DIGESTS, SIGNATURE}
    _check_same_names(present, set(listed), TAG_DIGESTS)
    for name, digest in listed.items():
        if sha256_of(path / name) != digest:
            raise IntegrityError(f"{name}: its digest is not the signed one")
    if read_text(path, BAGIT, sizes[BAGIT]) != BAGIT_TEXT:
        raise IntegrityError(f"{BAGIT}: not BagIt 1.0 in UTF-8")


def _check_names(manifest: Manifest, signer: PublicKey, comment: str) -> None:
    if manifest.signer.fingerprint != signer.fingerprint:
        raise IntegrityError(f"{MANIFEST}: the fingerprint is not that of the signer's key")
    if comment != trusted_comment(manifest.release_id):
        raise IntegrityError(f"{SIGNATURE}: signed for {comment[:120]!r}, not for this release")


def _check_payload_list(path: Path, manifest: Manifest, sizes: Mapping[str, int]) -> None:
    """Compare what lies below data/ with both manifests: names, digests as listed, sizes."""
    listed = parse_digests(read_text(path, DIGESTS, sizes[DIGESTS]), DIGESTS)
    expected = {shard.file: shard for shard in manifest.shards}
    present = {name for name in sizes if name.startswith(f"{PAYLOAD}/")}
    _check_same_names(present, set(listed), DIGESTS)
    _check_same_names(set(listed), {*expected, INDEX}, MANIFEST)
    for name, shard in expected.items():
        if listed[name] != shard.sha256:
            raise IntegrityError(f"{DIGESTS}: {name} has another digest than in {MANIFEST}")
        if sizes[name] != shard.bytes:
            raise IntegrityError(f"{name}: {sizes[name]} bytes, {shard.bytes} were signed")
    stated = parse_oxum(read_text(path, BAG_INFO, sizes[BAG_INFO]))
    found = sum(sizes[name] for name in present), len(present)
    if found != stated:
        raise IntegrityError(f"{INDEX}: the payload has {found[0]} bytes, {stated[0]} were signed")


def _check_same_names(present: set[str], listed: set[str], by: str) -> None:
    for name in sorted(listed - present):
        raise IntegrityError(f"{name}: missing, {by} lists it")
    for name in sorted(present - listed):
        raise IntegrityError(f"{name}: unexpected, {by} does not list it")
