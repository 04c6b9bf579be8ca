"""A release is a bag: the tools of the standard and of the shell check it."""

from __future__ import annotations

import shutil
import subprocess
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import IntegrityError
from dpkit.release.bag import digest_text, info_text, parse_digests, parse_oxum, seal
from dpkit.release.manifest import Manifest
from dpkit.release.signature import SigningKey

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports what newer Pythons call deprecated
    import bagit

DIGEST = "0" * 64
SHA256SUM = shutil.which("sha256sum")


def test_the_standards_own_tool_validates_a_release(built):
    bag = bagit.Bag(str(built))
    assert bag.validate()
    assert set(bag.payload_files()) == {f"data/{p.name}" for p in (built / "data").iterdir()}


def test_the_standards_own_tool_sees_a_changed_byte(release):
    path = next((release / "data").glob("train*"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(release)).validate()


@pytest.mark.skipif(SHA256SUM is None, reason="the program sha256sum is not here")
def test_sha256sum_checks_both_lists(built):
    lists = ["tagmanifest-sha256.txt", "manifest-sha256.txt"]
    done = subprocess.run(
        [SHA256SUM, "-c", "--strict", *lists],
        cwd=built,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK\n") == 13 - 1  # every file but the tag list and its signature


def test_the_bag_names_release_day_and_tool_and_nothing_else(built):
    assert (built / "bagit.txt").read_text().startswith("BagIt-Version: 1.0\n")
    lines = (built / "bag-info.txt").read_text().splitlines()
    assert lines[:3] == [
        "External-Identifier: rel-1",
        "Bagging-Date: 2026-01-02",
        "Bag-Software-Agent: dpkit",
    ]
    sizes = [path.stat().st_size for path in (built / "data").iterdir()]
    assert lines[3:] == [f"Payload-Oxum: {sum(sizes)}.5"]


def test_only_the_named_signer_can_seal(release):
    manifest = Manifest.from_json((release / "manifest.json").read_bytes())
    with pytest.raises(ValueError, match="names signer"):
        seal(release, manifest, None, SigningKey.generate())


@given(
    st.dictionaries(
        st.text(
            st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\:"), min_size=1
        )
        .filter(lambda name: name not in (".", ".."))
        .map(lambda name: f"data/{name}"),
        st.just(DIGEST),
        min_size=1,
        max_size=5,
    )
)
def test_a_digest_list_is_read_as_it_was_written(digests):
    assert parse_digests(digest_text(digests), "list") == digests


def test_a_percent_sign_is_encoded_as_the_standard_says():
    assert digest_text({"data/100%.h5": DIGEST}) == f"{DIGEST}  data/100%25.h5\n"
    assert parse_digests(f"{DIGEST}  data/100%25.h5\n", "list") == {"data/100%.h5": DIGEST}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "data/a",
        f"{DIGEST} data/a",
        f"{DIGEST}  *data/a\r",
        f"{DIGEST[:-1]}  data/a",
        f"{'G' * 64}  data/a",
        f"{DIGEST}  /etc/passwd",
        f"{DIGEST}  ../a",
        f"{DIGEST}  data/../../a",
        f"{DIGEST}  data//a",
        f"{DIGEST}  ./a",
        f"{DIGEST}  data\\a",
        f"{DIGEST}  C:/a",
        f"{DIGEST}  data/%0Aa",
        f"{DIGEST}  {'a' * 1001}",
        f"{DIGEST}  a\n\n{DIGEST}  b",
        f"{DIGEST}  a\n{DIGEST}  a",
        f"{DIGEST}  %41\n{DIGEST}  a%0d",
    ],
)
def test_a_line_that_is_no_digest_and_path_within_is_refused(line):
    with pytest.raises(IntegrityError, match="list"):
        parse_digests(line, "list")


@given(st.text())
def test_no_text_breaks_the_digest_reader(text):
    try:
        digests = parse_digests(text, "list")
    except IntegrityError:
        return
    assert all(not path.startswith("/") for path in digests)


@pytest.mark.parametrize(
    "text", ["", "Payload-Oxum: 1\n", "Payload-Oxum: 1.1\nPayload-Oxum: 1.1\n"]
)
def test_a_bag_without_one_oxum_is_refused(text):
    with pytest.raises(IntegrityError, match="Payload-Oxum"):
        parse_oxum(text)


def test_the_oxum_is_read_as_it_was_written(built):
    manifest = Manifest.from_json((built / "manifest.json").read_bytes())
    payload = {shard.file: shard for shard in manifest.shards}
    size = sum(shard.bytes for shard in manifest.shards)
    assert parse_oxum(info_text(manifest, payload)) == (size, 4)
