"""manifest.json has one text, and a stranger's is read field by field."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.manifest import Manifest
from dpkit.release.manifest_entries import ClassEntry, LabelCount, PartCounts, Signer
from dpkit.release.manifest_json import MAX_BYTES


@pytest.fixture(scope="module")
def text(built):
    return (built / "manifest.json").read_bytes()


@pytest.fixture(scope="module")
def manifest(text):
    return Manifest.from_json(text)


def changed(text, path, value):
    """Return the text with one field replaced; a value of `...` removes it."""
    tree = json.loads(text)
    place = tree
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(tree).encode()


def test_writing_what_was_read_gives_the_same_bytes(text, manifest):
    assert manifest.to_json().encode() == text


def test_the_text_is_canonical(text):
    tree = json.loads(text)
    again = json.dumps(tree, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert again.encode() == text


@settings(max_examples=50)
@given(
    name=st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30),
    statement=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60),
    signer=st.text("RWabc", max_size=56),
)
def test_any_plain_text_travels(manifest, name, statement, signer):
    other = replace(
        manifest,
        classes=(ClassEntry(3, name), ClassEntry(7, name + "2")),
        statement=statement,
        signer=Signer(signer, "0" * 16),
    )
    assert Manifest.from_json(other.to_json().encode()) == other


def test_rows_have_the_images_shape_unless_they_are_feature_maps(manifest):
    geometry = manifest.geometry
    own = (geometry.channels, geometry.height, geometry.width)
    assert manifest.image_shape == own
    written = json.loads(manifest.to_json())
    assert (written["version"], "map_shape" in written) == (1, False)
    maps = replace(manifest, map_shape=(128, 2, 1))
    assert maps.image_shape == (128, 2, 1)
    assert json.loads(maps.to_json())["version"] == 2
    assert Manifest.from_json(maps.to_json().encode()) == maps


@pytest.mark.parametrize("wrong", [..., None, [4, 8], [4, 8, 0], [4, 8, 65536], [4, 8, 8.0]])
def test_feature_maps_have_three_sides(manifest, wrong):
    text = replace(manifest, map_shape=(4, 8, 8)).to_json()
    with pytest.raises(IntegrityError, match="map_shape"):
        Manifest.from_json(changed(text, ("map_shape",), wrong))


def test_shape_and_type_of_targets_follow_the_task(manifest):
    assert (manifest.target_dtype, manifest.target_shape) == ("int64", ())
    assert manifest.image_shape == (3, 8, 6)
    assert manifest.images == 91


def test_a_newer_version_is_told_before_anything_else():
    newer = b'{"format": "dpkit-release", "version": 3, "shards": "all new"}'
    with pytest.raises(UsageError, match=r"version 3 is newer than 2.*install a newer dpkit"):
        Manifest.from_json(newer)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b'{"format": "dpkit-release", "format": "dpkit-release"}',
        b'{"version": NaN}',
        b'{"version": 1e999}',
        b'{"version": ' + b"9" * 5000 + b"}",
        b" " * (MAX_BYTES + 1),
        b'{"format": "other", "version": 1}',
    ],
    ids=range(12),
)
def test_what_is_no_manifest_is_refused(hostile):
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        Manifest.from_json(hostile)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("more",), 1),
        (("signer", "more"), 1),
        (("shards", 0, "more"), 1),
        (("release_id",), ...),
        (("release_id",), "../up"),
        (("release_id",), "line\nbreak"),
        (("key_id",), ""),
        (("created",), "2026-02-30"),
        (("created",), "yesterday"),
        (("version",), 0),
        (("version",), True),
        (("geometry", "channels"), 2),
        (("geometry", "height"), 0),
        (("geometry", "width"), 65536),
        (("geometry", "depth"), 12),
        (("dtype",), "float64"),
        (("map_shape",), [4, 8, 8]),
        (("task",), "other"),
        (("task",), "multi"),
        (("task",), "none"),
        (("classes",), []),
        (("classes", 0, "index"), 7),
        (("classes", 0, "index"), 2**31),
        (("classes", 0, "index"), 3.0),
        (("classes", 0, "name"), "dog | <b>"),
        (("classes", 0, "name"), "\ud800"),
        (("grouped",), 1),
        (("kept_columns",), ["a", "a"]),
        (("kept_columns",), "ab"),
        (("parts", 0, "part"), "training"),
        (("parts", 0, "part"), "test"),
        (("parts", 0, "images"), 71),
        (("parts", 0, "images"), -1),
        (("parts", 0, "groups"), 71),
        (("parts", 0, "labels", 0, "images"), 70),
        (("parts", 0, "labels", 0, "index"), 8),
        (("shards", 0, "file"), "../data/train-00000-of-00002.h5"),
        (("shards", 0, "file"), "data/../train-00000-of-00002.h5"),
        (("shards", 0, "file"), "/data/train-00000-of-00002.h5"),
        (("shards", 0, "file"), "data/train-00000-of-00002.h5\n"),
        (("shards", 0, "file"), "data/train-00001-of-00002.h5"),
        (("shards", 0, "file"), "data/train-00000-of-00003.h5"),
        (("shards", 0, "file"), "data/test-00000-of-00002.h5"),
        (("shards", 0, "part"), "test"),
        (("shards", 0, "rows"), 0),
        (("shards", 0, "rows"), 41),
        (("shards", 0, "bytes"), 2**53 + 1),
        (("shards", 0, "sha256"), "A" * 64),
        (("shards", 0), 1),
        (("shards",), []),
        (("sanitizer", "parameters"), []),
        (("statement",), "x" * 5000),
    ],
)
def test_a_field_that_is_wrong_or_contradicts_another_is_refused(text, path, value):
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        Manifest.from_json(changed(text, path, value))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_json_in_place_of_a_field_breaks_the_reader(text, data):
    tree = json.loads(text)
    name = data.draw(st.sampled_from(sorted(tree)))
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    tree[name] = data.draw(
        st.recursive(leaf, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(), s))
    )
    try:
        Manifest.from_json(json.dumps(tree).encode())
    except (IntegrityError, UsageError):
        return


def test_a_manifest_that_contradicts_itself_cannot_be_built(manifest):
    with pytest.raises(ValueError, match="shards hold 70 rows, the part has 3 images"):
        replace(manifest, parts=(PartCounts("train", 3, 1, (LabelCount(3, 3, 1),)),))


def test_a_shard_whose_images_were_all_quarantined_has_no_file(manifest):
    files = ("data/train-00000-of-00007.h5", "data/train-00004-of-00007.h5")
    renamed = [replace(s, file=f) for s, f in zip(manifest.shards[:2], files, strict=True)]
    gaps = replace(manifest, shards=(*renamed, *manifest.shards[2:]))
    assert Manifest.from_json(gaps.to_json().encode()) == gaps
