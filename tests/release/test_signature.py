"""Signatures are minisign's: its program checks ours, we check its."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.signature import PublicKey, SigningKey, verify
from dpkit.types import Secret

VECTORS = json.loads((Path(__file__).parent / "vectors" / "minisign.json").read_text())
MINISIGN = shutil.which("minisign")
needs_minisign = pytest.mark.skipif(MINISIGN is None, reason="the program minisign is not here")


def test_a_signature_gives_its_trusted_comment_back(key):
    assert verify(key.public, b"message", key.sign(b"message", "dpkit release r")) == (
        "dpkit release r"
    )


def test_the_same_key_and_message_give_the_same_text(key):
    assert key.sign(b"m", "c") == SigningKey.from_arrays(key.arrays()).sign(b"m", "c")


def test_new_keys_differ_and_name_themselves():
    first, second = SigningKey.generate(), SigningKey.generate()
    assert first.public.fingerprint != second.public.fingerprint
    assert first.public.is_bound
    assert PublicKey.parse(first.public.text) == first.public
    assert first.public.text.startswith("RW")


def test_a_signing_key_shows_nothing(key):
    assert "hidden" in repr(key._seed)
    assert key.arrays()["seed"].tobytes().hex() not in repr(key.__class__.__slots__)


def test_a_signing_seed_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey(Secret(b"short"))


def test_a_trusted_comment_is_one_line(key):
    with pytest.raises(ValueError, match="one line"):
        key.sign(b"m", "two\nlines")


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda v: v["what"])
def test_what_minisign_signed_is_accepted(vector):
    public = PublicKey.parse(vector["public_key"])
    assert public.fingerprint == vector["fingerprint"]
    comment = verify(public, bytes.fromhex(vector["message"]), vector["signature"])
    assert comment == vector["trusted_comment"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["what"])
def test_what_is_not_minisigns_is_refused(vector):
    public = PublicKey.parse(vector["public_key"])
    with pytest.raises(IntegrityError):
        verify(public, bytes.fromhex(vector["message"]), vector["signature"])


def test_minisigns_random_key_number_is_not_bound():
    assert not PublicKey.parse(VECTORS["accepted"][0]["public_key"]).is_bound


@pytest.mark.parametrize("text", ["", "RW", "RW" + "A" * 54 + "\n", "RX" + "A" * 54, "é" * 56])
def test_a_text_that_is_no_public_key_is_bad_usage(text):
    with pytest.raises(UsageError, match="no minisign public key"):
        PublicKey.parse(text)


@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_bit_behind_the_untrusted_comment_is_free(position, bit):
    key = SigningKey(Secret(bytes(32)))
    text = bytearray(key.sign(b"message", "dpkit release r").encode())
    free = text.index(b"\n") + 1
    text[free + position % (len(text) - free)] ^= 1 << bit
    with pytest.raises(IntegrityError):
        verify(key.public, b"message", text.decode("latin-1"))


@needs_minisign
def test_minisign_accepts_our_signature(tmp_path, key):
    (tmp_path / "message").write_bytes(b"some bytes\n" * 1000)
    signature = key.sign(b"some bytes\n" * 1000, "dpkit release r")
    (tmp_path / "message.minisig").write_text(signature)
    done = run("-V", "-P", key.public.text, "-m", tmp_path / "message")
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: dpkit release r" in done.stdout


@needs_minisign
def test_minisign_refuses_our_signature_over_other_bytes(tmp_path, key):
    (tmp_path / "message").write_bytes(b"other")
    (tmp_path / "message.minisig").write_text(key.sign(b"some", "dpkit release r"))
    assert run("-V", "-P", key.public.text, "-m", tmp_path / "message").returncode != 0


@needs_minisign
def test_minisign_accepts_a_whole_release(built, key):
    done = run("-V", "-P", key.public.text, "-m", built / "tagmanifest-sha256.txt")
    assert done.returncode == 0, done.stderr
    assert "dpkit release rel-1" in done.stdout


def run(*arguments):
    return subprocess.run(
        [MINISIGN, *map(str, arguments)], check=False, capture_output=True, text=True
    )
