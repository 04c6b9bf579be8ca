"""`verify` accepts the release that was signed, and nothing that differs from it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from dpkit.errors import DpkitError, IntegrityError, UsageError
from dpkit.release.bag import digest_text, trusted_comment
from dpkit.release.manifest import Manifest
from dpkit.release.signature import SigningKey
from dpkit.release.tree import sha256_of
from dpkit.release.verify import verify

from . import conftest
from .conftest import build

FILES = (
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
    "tagmanifest-sha256.txt.minisig",
    "manifest.json",
    "README.md",
    "report.html",
    "report.json",
    "data/index.csv",
    "data/train-00000-of-00002.h5",
    "data/train-00001-of-00002.h5",
    "data/validation-00000-of-00001.h5",
    "data/test-00000-of-00001.h5",
)


def rehash(folder, changed=""):
    """Recompute every unsigned hash but the changed one, as one would who has no signing key."""
    payload = {p.relative_to(folder).as_posix(): sha256_of(p) for p in folder.glob("data/*")}
    if changed != "manifest-sha256.txt":
        (folder / "manifest-sha256.txt").write_text(digest_text(payload))
    unlisted = ("tagmanifest-sha256.txt", "tagmanifest-sha256.txt.minisig")
    tags = [p for p in folder.iterdir() if p.is_file() and p.name not in unlisted]
    listed = {p.name: sha256_of(p) for p in tags}
    (folder / "tagmanifest-sha256.txt").write_text(digest_text(listed))


def resign(folder, key, release_id="rel-1"):
    message = (folder / "tagmanifest-sha256.txt").read_bytes()
    (folder / "tagmanifest-sha256.txt.minisig").write_text(
        key.sign(message, trusted_comment(release_id))
    )


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_the_signed_release_is_intact(built, key):
    verdict = verify(built)
    assert (verdict.release_id, verdict.images, verdict.shards) == ("rel-1", 91, 4)
    assert verdict.signer == key.public.fingerprint
    assert not verdict.authenticated
    assert verdict.notes == ("intact; signer not authenticated",)


def test_every_file_of_the_release_is_in_the_hostile_list(built):
    present = {p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()}
    assert present == set(FILES)


@pytest.mark.parametrize("form", ["fingerprint", "text"])
def test_a_named_signer_is_authenticated(built, key, form):
    verdict = verify(built, fingerprint=getattr(key.public, form))
    assert verdict.authenticated


def test_another_fingerprint_is_refused(built):
    with pytest.raises(IntegrityError, match="not by 0123456789abcdef"):
        verify(built, fingerprint="0123456789abcdef")


def test_a_fingerprint_that_is_none_is_bad_usage(built):
    with pytest.raises(UsageError, match="public key"):
        verify(built, fingerprint="me")


@pytest.mark.parametrize("task", ["none", "multi", "regression"])
@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_every_task_and_type_passes(tmp_path, key, task, dtype):
    build(tmp_path / "release", key, task, dtype)
    assert verify(tmp_path / "release").images == 91


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 1.0])
def test_one_changed_byte_is_found_in_each_file(release, name, place):
    path = release / name
    flip(path, int(place * (path.stat().st_size - 1)))
    with pytest.raises(IntegrityError):
        verify(release)


@pytest.mark.parametrize("name", FILES)
def test_recomputed_hashes_do_not_hide_a_changed_byte(release, name):
    path = release / name
    flip(path, path.stat().st_size // 2)
    if not name.startswith("tagmanifest"):
        rehash(release, name)
    with pytest.raises(IntegrityError, match=r"signature|not the JSON"):
        verify(release)


@pytest.mark.parametrize("name", ["tagmanifest-sha256.txt.minisig", "bag-info.txt", "bagit.txt"])
def test_each_single_byte_of_the_small_files_counts(release, name):
    path = release / name
    for position in range(path.stat().st_size):
        flip(path, position)
        with pytest.raises(IntegrityError):
            verify(release, level="quick")
        flip(path, position)
    assert verify(release, level="quick").images == 91


@pytest.mark.parametrize("level", ["quick", "full"])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(release, name, level):
    (release / name).unlink()
    with pytest.raises(IntegrityError, match=name):
        verify(release, level=level)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_found_by_the_quick_check(release, name):
    path = release / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError):
        verify(release, level="quick")


@pytest.mark.parametrize("name", ["extra.txt", "data/extra.h5", "data/.train.h5.partial"])
def test_an_unexpected_file_is_named(release, name):
    (release / name).write_bytes(b"")
    with pytest.raises(IntegrityError, match=f"{name}: unexpected"):
        verify(release, level="quick")


@pytest.mark.parametrize("name", ["more", "data/more"])
def test_an_unexpected_folder_is_named(release, name):
    (release / name).mkdir()
    with pytest.raises(IntegrityError, match=name):
        verify(release, level="quick")


@pytest.mark.parametrize("name", ["README.md", "data/index.csv", "data"])
def test_a_symbolic_link_is_refused_though_it_leads_to_the_same_bytes(release, tmp_path, name):
    (release / name).rename(tmp_path / "elsewhere")
    (release / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=name):
        verify(release)


def test_two_swapped_shards_are_found(release):
    first, second = (release / f"data/train-0000{k}-of-00002.h5" for k in (0, 1))
    spare = release / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    with pytest.raises(IntegrityError, match="train-00000"):
        verify(release, level="quick")


def test_another_key_cannot_sign_in_the_signers_name(release):
    resign(release, SigningKey.generate())
    with pytest.raises(IntegrityError, match="signed, not"):
        verify(release)


def test_a_replaced_signer_is_intact_but_not_the_pinned_one(tmp_path, key):
    other = SigningKey.generate()
    build(tmp_path / "release", other)
    assert not verify(tmp_path / "release").authenticated
    with pytest.raises(IntegrityError, match="not by"):
        verify(tmp_path / "release", fingerprint=key.public.fingerprint)


def test_a_signer_cannot_borrow_the_key_number_of_another(tmp_path, key):
    forger = SigningKey.generate()
    forger.public = type(key.public)(key.public.number, forger.public.key)
    build(tmp_path / "release", forger)
    with pytest.raises(IntegrityError, match="key number"):
        verify(tmp_path / "release", fingerprint=key.public.fingerprint)


def test_a_signature_made_for_another_release_is_refused(release, key):
    resign(release, key, "rel-2")
    with pytest.raises(IntegrityError, match="not for this release"):
        verify(release)


def test_a_swapped_trusted_comment_is_refused(release):
    path = release / "tagmanifest-sha256.txt.minisig"
    path.write_text(path.read_text().replace("release rel-1", "release rel-2"))
    with pytest.raises(IntegrityError, match="does not hold"):
        verify(release)


def test_a_folder_that_is_no_release_is_bad_usage(tmp_path):
    with pytest.raises(UsageError, match="no release folder"):
        verify(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        verify(tmp_path / "absent")


def test_the_release_may_lie_behind_a_link(built, tmp_path):
    (tmp_path / "link").symlink_to(built)
    assert verify(tmp_path / "link").images == 91


def test_progress_counts_every_payload_byte(built):
    seen = []
    verify(built, progress=lambda done, total: seen.append((done, total)))
    size = sum(path.stat().st_size for path in (built / "data").iterdir())
    assert seen[-1] == (size, size)


def test_a_file_that_vanishes_meanwhile_is_one_line(release):
    with pytest.raises(DpkitError, match=r"validation-00000.*cannot be read"):
        verify(
            release,
            progress=lambda *_: (release / FILES[-2]).unlink(missing_ok=True),
        )


def signed_again(folder, key, change):
    """Change a shard as the holder of the key could, and sign the whole anew."""
    manifest = Manifest.from_json((folder / "manifest.json").read_bytes())
    shard = manifest.shards[0]
    path = folder / shard.file
    before = shard.sha256
    change(path)
    text = (folder / "manifest.json").read_text().replace(before, sha256_of(path))
    (folder / "manifest.json").write_text(
        text.replace(f'"bytes": {shard.bytes}', f'"bytes": {path.stat().st_size}', 1)
    )
    payload = [p.stat().st_size for p in (folder / "data").iterdir()]
    info = (folder / "bag-info.txt").read_text().split("Payload-Oxum")[0]
    (folder / "bag-info.txt").write_text(f"{info}Payload-Oxum: {sum(payload)}.{len(payload)}\n")
    rehash(folder)
    resign(folder, key)


def poke(dataset, row, value):
    def change(path):
        with h5py.File(path, "r+") as shard:
            shard[dataset][row] = value

    return change


def test_signing_anew_what_was_not_changed_still_verifies(release, key):
    signed_again(release, key, lambda _: None)
    assert verify(release).images == 91


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (poke("images", 3, np.nan), "not finite"),
        (poke("images", 3, np.inf), "not finite"),
        (poke("labels", 3, 4), "labels"),
        (poke("labels", 3, -1), "labels"),
        (poke("ids", 3, b"A" * 25), "no base32"),
        (poke("ids", 3, b"a" * 26), "no base32"),
        (poke("groups", 3, b"../../../../../etc/passwd0"), "no base32"),
        (poke("ids", 3, b"A" * 26), "index.csv: line 5"),
        (poke("ids", slice(3, 5), b"A" * 26), "two rows"),
        (poke("groups", 3, b"A" * 26), "index.csv: line 5"),
        (poke("groups", slice(3, 5), b"A" * 26), "groups"),
        (lambda path: shutil.copyfile(path.with_name("train-00001-of-00002.h5"), path), "labels|"),
    ],
)
def test_even_the_signer_cannot_publish_rows_that_break_the_format(release, key, change, why):
    signed_again(release, key, change)
    with pytest.raises(IntegrityError, match=why):
        verify(release)


def test_a_group_in_two_parts_is_refused_even_when_signed(tmp_path, key, monkeypatch):
    def one_name(rng, n):
        return np.array([b"A" * 26] * (n - 1) + [b"B" * 26]) if n in (9, 12) else own(rng, n)

    own = conftest.names
    calls = []

    def names(rng, n):
        calls.append(n)
        is_group = len(calls) % 2 == 0
        return one_name(rng, n) if is_group else own(rng, n)

    monkeypatch.setattr(conftest, "names", names)
    build(tmp_path / "release", key)
    with pytest.raises(IntegrityError, match="two parts"):
        verify(tmp_path / "release")


def test_the_frozen_release_of_version_1_verifies(tmp_path):
    vector = Path(__file__).parent / "vectors" / "release-1.tar.gz"
    with tarfile.open(vector) as archive:
        archive.extractall(tmp_path, filter="data")
    verdict = verify(tmp_path / "release", fingerprint="F337652A76E521EB")
    assert (verdict.authenticated, verdict.images) == (True, 91)
