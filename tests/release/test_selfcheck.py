"""What must not be published is found wherever it is planted, and little else is."""

from __future__ import annotations

import base64
import json

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.kernels.search import WINDOW, find_ends, tables
from dpkit.release.needles import Needles, stem_of
from dpkit.release.selfcheck import Finding, row_tag, search, unchanged_rows
from dpkit.types import Secret

CORE = np.random.default_rng(9).normal(size=(8, 8)).astype(np.float32)
KEY = CORE.tobytes()[64:96]
NEEDLES = Needles(
    paths=(
        "cats/IMG_0042.jpg",
        "dogs/Prüfung Müller.png",
        "dogs/parrot.png",
        "cats/123456.jpg",
        "x/Tom & Jerry.jpg",
    ),
    keys=(KEY,),
    excepted=frozenset({"Parrots"}),
)
SHARD = "data/train-00000-of-00002.h5"


def found(folder, needles=NEEDLES):
    return {(f.file, f.kind, f.form) for f in search(folder, needles)}


def append(path, content):
    path.write_bytes(path.read_bytes() + content)


def test_a_clean_release_holds_nothing(built):
    assert search(built, NEEDLES) == ()


SPELLINGS = [
    ("path", "utf-8", "cats/IMG_0042.jpg"),
    ("path", "utf-8", "/home/me/CATS/img_0042.JPG"),
    ("stem", "utf-8", "see IMG_0042."),
    ("stem", "utf-8", "img_0042_thumb"),
    ("stem", "utf-8", "parrot"),
    ("stem", "utf-8", "Prüfung Müller"),
    ("stem", "nfd", "Pru\u0308fung Mu\u0308ller"),
    ("stem", "json", json.dumps("Prüfung Müller")),
    ("stem", "address", "Pr%C3%BCfung%20M%C3%BCller"),
    ("stem", "html", "Tom &amp; Jerry"),
    ("stem", "utf-8", "123456.jpg"),
    ("stem", "utf-8", '"123456"'),
    ("key", "hex", KEY.hex()),
    ("key", "hex", KEY.hex().upper()),
    ("key", "base64", base64.b64encode(CORE.tobytes()).decode()),
    ("key", "base64", base64.b64encode(b"." + CORE.tobytes()).decode()),
    ("key", "base64", base64.b64encode(b".." + CORE.tobytes()).decode()),
]


@pytest.mark.parametrize("name", ["data/index.csv", "report.json", "report.html", "README.md"])
@pytest.mark.parametrize(("kind", "form", "text"), SPELLINGS)
def test_a_canary_in_a_text_file_is_found(release, name, kind, form, text):
    append(release / name, f"\n{text}\n".encode())
    assert (name, kind, form) in found(release)


@pytest.mark.parametrize("name", ["report.html", "data/index.csv"])
def test_a_raw_key_in_a_text_file_is_found(release, name):
    append(release / name, CORE.tobytes())
    assert found(release) == {(name, "key", "raw")}


@pytest.mark.parametrize(("kind", "form", "text"), SPELLINGS)
def test_a_canary_in_an_attribute_is_found(release, kind, form, text):
    with h5py.File(release / SHARD, "r+") as shard:
        shard.attrs["note"] = np.bytes_(text.encode())
    assert (SHARD, kind, form) in found(release)


@pytest.mark.parametrize(("kind", "form", "text"), [s for s in SPELLINGS if len(s[2]) > 12])
def test_a_long_canary_in_the_images_is_found(release, kind, form, text):
    payload(release, text.encode())
    if kind == "path" or form != "utf-8":
        assert (SHARD, kind, form) in found(release)


def test_a_raw_key_in_the_images_is_found_at_its_place(release):
    offset = payload(release, KEY)
    assert search(release, NEEDLES) == (Finding(SHARD, offset, "key", "raw", ""),)


def payload(release, content):
    """Plant bytes among the image values and return where."""
    with h5py.File(release / SHARD) as shard:
        offset = shard["images"].id.get_offset() + 1001
    with (release / SHARD).open("r+b") as file:
        file.seek(offset)
        file.write(content)
    return offset


@pytest.mark.parametrize(
    "harmless",
    [
        "parrots",  # a published class
        "aparrot parrotfish xparrot9",  # within a word
        "rows 123456, 0.123456 and 0123456",  # numbers
        '"bytes": 123456,',
        KEY.hex()[:20],  # less than a window
        base64.b64encode(KEY).decode().swapcase(),  # base64 has case
    ],
)
def test_what_only_looks_like_a_needle_is_left_alone(release, harmless):
    append(release / "README.md", f"\n{harmless}\n".encode())
    assert found(release) == set()


def test_short_words_in_the_images_are_left_to_chance(release):
    payload(release, b"\0parrot\0")
    assert found(release) == set()


def test_a_broken_shard_is_searched_as_text(release):
    content = (release / SHARD).read_bytes()
    (release / SHARD).write_bytes(b"\0" + content[1:-10] + b"\0parrot\0")
    assert found(release) == {(SHARD, "stem", "utf-8")}


@pytest.mark.parametrize("place", [0, 1, 2**20 - 9, 2**20 - 1, 2**20, 3 * 2**20 - 5])
def test_a_needle_across_two_blocks_is_found_once(tmp_path, place):
    content = bytearray(4 << 20)
    content[place : place + 17] = b"cats/IMG_0042.jpg"
    (tmp_path / "file").write_bytes(content)
    offsets = [(f.offset, f.kind) for f in search(tmp_path, NEEDLES)]
    assert sorted(offsets) == [(place, "path"), (place + 5, "stem")]


def test_several_workers_find_the_same(release):
    for name in ("README.md", "report.html", SHARD):
        append(release / name, b" IMG_0042 ")
    assert search(release, NEEDLES, workers=4) == search(release, NEEDLES)


def test_a_file_full_of_needles_is_not_listed_whole(tmp_path):
    (tmp_path / "file").write_bytes(b"IMG_0042 " * 10_000)
    assert len(search(tmp_path, NEEDLES)) == 100


def test_a_finding_hides_its_text_and_a_key_has_none(release):
    append(release / "README.md", b"\n IMG_0042 ")
    (finding,) = search(release, NEEDLES)
    assert finding.text == "IMG_0042"
    assert "IMG_0042" not in repr(finding)
    assert "IMG" not in repr(NEEDLES)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("a/b/c.tar.gz", "c.tar"),
        ("c", "c"),
        ("a.b/c", "c"),
        (".hidden", ".hidden"),
        ("a/.x.y", ".x"),
    ],
)
def test_a_stem_is_the_name_without_folder_and_last_ending(path, stem):
    assert stem_of(path) == stem


def test_a_key_window_must_be_long_enough():
    with pytest.raises(ValueError, match="12 or more"):
        Needles((), (b"short",))


def test_a_key_of_zeros_is_no_needle_and_one_that_ends_in_zeros_is_found(tmp_path):
    (tmp_path / "file").write_bytes(bytes(50) + KEY + bytes(50))
    assert search(tmp_path, Needles((), (bytes(32),))) == ()
    assert [f.offset for f in search(tmp_path, Needles((), (KEY + bytes(9),)))] == [50]


def test_no_needle_finds_nothing(built):
    assert search(built, Needles(())) == ()


@settings(max_examples=60, deadline=None)
@given(
    hay=st.binary(max_size=300),
    words=st.lists(st.binary(min_size=WINDOW, max_size=WINDOW), max_size=5),
    cuts=st.lists(st.integers(0, 300), max_size=5),
)
def test_the_kernel_agrees_with_a_plain_search(hay, words, cuts):
    words = {w.lower() for w in words} | {hay[c : c + WINDOW].lower() for c in cuts}
    words = {w for w in words if len(w) == WINDOW}
    bits, table = tables(np.array([int.from_bytes(w, "big") for w in words], np.uint64))
    ends = np.empty(len(hay) + 1, np.int64)
    count = find_ends(np.frombuffer(hay, np.uint8), bits, table, ends)
    low = hay.lower()
    plain = [e for e in range(WINDOW, len(hay) + 1) if low[e - WINDOW : e] in words]
    assert ends[:count].tolist() == plain


SECRET = Secret(bytes(32))


def test_rows_that_equal_their_original_are_found():
    rng = np.random.default_rng(1)
    originals = rng.integers(0, 256, (9, 3, 40, 50)).astype(np.float32)
    tags = np.stack([np.frombuffer(row_tag(SECRET, row), np.uint8) for row in originals])
    released = rng.normal(size=originals.shape).astype(np.float32)
    released[[2, 7]] = originals[[2, 7]]
    assert unchanged_rows(released, tags, SECRET).tolist() == [2, 7]


def test_another_rows_original_is_no_match():
    rows = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    tags = np.stack([np.frombuffer(row_tag(SECRET, row), np.uint8) for row in rows[::-1]])
    assert unchanged_rows(rows, tags, SECRET).size == 0


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 100_000])
def test_a_tag_takes_at_most_1024_values_and_spans_the_row(size):
    row = np.zeros(size, np.uint8)
    step = -(-size // 1024)
    seen = [0, (size - 1) // step * step]
    for place in seen:
        other = row.copy()
        other[place] = 1
        assert row_tag(SECRET, other) != row_tag(SECRET, row)
    assert size / step <= 1024


def test_a_tag_depends_on_secret_and_type():
    row = np.zeros(8, np.uint8)
    assert row_tag(SECRET, row) != row_tag(Secret(bytes([1]) * 32), row)
    assert row_tag(SECRET, row) != row_tag(SECRET, row.view(np.int8))
    assert len(row_tag(SECRET, row)) == 16
