"""Hostile keystores, each with one failure that its name tells: none is accepted."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpkit.errors import DpkitError, IntegrityError, UnlockError
from dpkit.keystore.canonical import canonical, with_mac
from dpkit.keystore.catalogue import parse_catalogue
from dpkit.keystore.header import _mac_key, parse_header
from dpkit.keystore.seal import TAG_BYTES, SealedBytes
from dpkit.keystore.slots import key_file_slot, unwrap
from dpkit.keystore.store import Keystore
from dpkit.types import Secret

from .conftest import VECTORS, copy_of
from .make_vectors import put_in_small_chunks

STORE = VECTORS / "v1" / "store"
KEYSTORE_JSON = (STORE / "keystore.json").read_bytes()
CATALOGUE_JSON = (STORE / "catalogue.json").read_bytes()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """The frozen object of many small chunks: its path, master key, head and chunks."""
    folder = copy_of(STORE, tmp_path_factory.mktemp("hostile") / "store.dpks")
    master = _master(folder)
    (path,) = [p for p in (folder / "objects").iterdir() if b'"kind":"plan"' in p.read_bytes()]
    opened = SealedBytes(path, master)
    data, stride = path.read_bytes(), opened.header.chunk_bytes + TAG_BYTES
    head, body = data[: len(opened._head)], data[len(opened._head) :]
    chunks = [body[i : i + stride] for i in range(0, len(body), stride)]
    assert len(chunks) == opened.header.n_chunks >= 4
    return path, master, head, chunks


def _master(folder):
    unchecked = parse_header((folder / "keystore.json").read_bytes(), "vector")
    secret = Secret((VECTORS / "v1" / "test.key").read_bytes())
    return unwrap(unchecked.claimed.slots[0], secret, unchecked.claimed.uuid)


def _refuses(path, master, data):
    path.write_bytes(data)
    with pytest.raises(IntegrityError):
        SealedBytes(path, master).verify()


def test_the_untouched_object_opens(sealed, tmp_path):
    _, master, head, chunks = sealed
    again = tmp_path / "again.dpk"
    again.write_bytes(head + b"".join(chunks))
    SealedBytes(again, master).verify()


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_each_flipped_byte_of_an_object_is_refused(sealed, tmp_path, mask):
    _, master, head, chunks = sealed
    whole, target = head + b"".join(chunks), tmp_path / "flipped.dpk"
    for i in range(len(whole)):
        _refuses(target, master, whole[:i] + bytes([whole[i] ^ mask]) + whole[i + 1 :])


def test_each_dropped_chunk_is_refused(sealed, tmp_path):
    _, master, head, chunks = sealed
    for i in range(len(chunks)):
        _refuses(tmp_path / "x.dpk", master, head + b"".join(chunks[:i] + chunks[i + 1 :]))


def test_each_pair_of_swapped_chunks_is_refused(sealed, tmp_path):
    _, master, head, chunks = sealed
    for i in range(len(chunks)):
        for k in range(i):
            swapped = list(chunks)
            swapped[i], swapped[k] = chunks[k], chunks[i]
            _refuses(tmp_path / "x.dpk", master, head + b"".join(swapped))


def test_each_repeated_chunk_is_refused(sealed, tmp_path):
    """In place of its neighbour, so that the length is right, and besides it."""
    _, master, head, chunks = sealed
    for i in range(len(chunks) - 1):
        instead = [*chunks[:i], chunks[i + 1], *chunks[i + 1 :]]
        besides = [*chunks[: i + 1], *chunks[i:]]
        for repeated in (instead, besides):
            _refuses(tmp_path / "x.dpk", master, head + b"".join(repeated))


def test_an_object_cut_at_any_length_is_refused(sealed, tmp_path):
    _, master, head, chunks = sealed
    whole = head + b"".join(chunks)
    for length in range(len(whole)):
        _refuses(tmp_path / "x.dpk", master, whole[:length])


def test_extra_bytes_at_the_end_are_refused(sealed, tmp_path):
    _, master, head, chunks = sealed
    for extra in (b"\0", bytes(16), bytes(80), chunks[0], chunks[-1]):
        _refuses(tmp_path / "x.dpk", master, head + b"".join(chunks) + extra)


def test_each_chunk_of_another_object_of_the_same_shape_is_refused(vector, tmp_path):
    folder, unlock = vector
    store, parts = Keystore.open(folder, unlock), []
    for fill in (1, 2):
        rows = {"rows": np.full((20, 2), fill, np.int32)}
        object_id = put_in_small_chunks(store, "plan", {}, rows, label="same")
        path = folder / "objects" / f"{object_id}.dpk"
        opened = SealedBytes(path, store._master)
        head, body = opened._head, path.read_bytes()[len(opened._head) :]
        parts.append((head, [body[i : i + 80] for i in range(0, len(body), 80)]))
    (head, ours), (_, foreign) = parts
    for i in range(len(ours)):
        joined = [*ours[:i], foreign[i], *ours[i + 1 :]]
        _refuses(tmp_path / "x.dpk", store._master, head + b"".join(joined))


@pytest.mark.parametrize(
    "lie",
    [
        {"size": 0},
        {"size": 10**9},
        {"size": -1},
        {"size": 2**40 + 1},
        {"size": True},
        {"size": 1.5},
        {"chunk_bytes": 0},
        {"chunk_bytes": 63},
        {"chunk_bytes": 128},
        {"chunk_bytes": 2**30},
        {"suite": "NULL"},
        {"payload": "pickle"},
        {"kind": "augconv"},
        {"label": "another"},
        {"keystore": "00000000-0000-4000-8000-000000000000"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_lying_object_header_is_refused(sealed, tmp_path, lie):
    _, master, head, chunks = sealed
    length = int.from_bytes(head[10:14], "big")
    header = canonical({**json.loads(head[14 : 14 + length]), **lie})
    start = head[:10] + len(header).to_bytes(4, "big") + header
    _refuses(tmp_path / "x.dpk", master, start + head[14 + length :] + b"".join(chunks))


@pytest.mark.parametrize("length", [0, 1, 4097, 2**32 - 1])
def test_a_lying_header_length_is_refused(sealed, tmp_path, length):
    _, master, head, chunks = sealed
    lying = head[:10] + length.to_bytes(4, "big") + head[14:]
    _refuses(tmp_path / "x.dpk", master, lying + b"".join(chunks))


def test_an_object_under_another_objects_name_is_refused(vector):
    folder, unlock = vector
    store = Keystore.open(folder, unlock)
    first, second = [e for e in store.entries() if e.state != "destroyed"][:2]
    names = [folder / "objects" / f"{e.object_id}.dpk" for e in (first, second)]
    shutil.copy(names[1], names[0])
    with pytest.raises(IntegrityError, match="not the one that the catalogue lists"):
        store.get(first.object_id, first.kind)


def test_an_object_of_another_keystore_is_refused(vector, store, arrays):
    folder, unlock = vector
    object_id = store.put("key", {}, arrays)
    theirs = Keystore.open(folder, unlock)
    theirs.put("key", {}, arrays, object_id=object_id)
    name = f"objects/{object_id}.dpk"
    shutil.copy(store.path / name, folder / name)
    with pytest.raises(IntegrityError, match="changed in its header"):
        theirs.get(object_id, "key")


def test_an_object_that_was_taken_away_is_missed(vector):
    folder, unlock = vector
    store = Keystore.open(folder, unlock)
    entry = store.entries()[0]
    (folder / "objects" / f"{entry.object_id}.dpk").unlink()
    with pytest.raises(IntegrityError, match="its file is gone"):
        store.get(entry.object_id, entry.kind)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_each_flipped_byte_of_keystore_json_is_refused(mask):
    """A flip within the slot itself looks like a wrong key; every other one is damage."""
    for i in range(len(KEYSTORE_JSON)):
        data = bytearray(KEYSTORE_JSON)
        data[i] ^= mask
        with pytest.raises((IntegrityError, UnlockError)):
            _open_header(bytes(data))


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_each_flipped_byte_of_catalogue_json_is_refused(sealed, mask):
    _, master, _, _ = sealed
    uuid = json.loads(KEYSTORE_JSON)["uuid"]
    assert parse_catalogue(CATALOGUE_JSON, master, uuid, "x").entries
    for i in range(len(CATALOGUE_JSON)):
        data = bytearray(CATALOGUE_JSON)
        data[i] ^= mask
        with pytest.raises(IntegrityError):
            parse_catalogue(bytes(data), master, uuid, "x")


@pytest.mark.parametrize("name", ["keystore.json", "catalogue.json"])
def test_a_changed_file_of_a_keystore_on_disk_is_refused(vector, name):
    folder, unlock = vector
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b"2026-", b"2025-", 1))
    with pytest.raises(IntegrityError, match=name):
        Keystore.open(folder, unlock)


def _slots(**changes):
    document = json.loads(KEYSTORE_JSON)
    document["slots"][1]["kdf"] |= changes
    return canonical(document)


def _many(n, index):
    document = json.loads(KEYSTORE_JSON)
    slot = document["slots"][index]
    document["slots"] = [{**slot, "id": f"{i:016x}"} for i in range(n)]
    return canonical(document)


def _with(**changes):
    return canonical({**json.loads(KEYSTORE_JSON), **changes})


HOSTILE_HEADERS = {
    "65 slots": _many(65, 0),
    "9 passphrase slots": _many(9, 1),
    "no slot": _with(slots=[]),
    "two slots of one id": _with(slots=[json.loads(KEYSTORE_JSON)["slots"][0]] * 2),
    "KDF bomb: memory": _slots(memory_kib=1024 * 1024 + 1),
    "KDF bomb: passes": _slots(passes=17),
    "KDF bomb: lanes": _slots(lanes=17),
    "KDF of no memory": _slots(memory_kib=7),
    "KDF of no pass": _slots(passes=0),
    "KDF of a negative lane": _slots(lanes=-1),
    "KDF number as text": _slots(passes="3"),
    "KDF number as truth": _slots(passes=True),
    "KDF number as fraction": _slots(passes=3.0),
    "KDF of another name": _slots(name="none"),
    "KDF of a short salt": _slots(salt="00"),
    "another format": _with(format="other"),
    "a later version": _with(version=2),
    "a version as truth": _with(version=True),
    "an uuid that is a path": _with(uuid="../../etc/passwd"),
    "an unknown member": _with(extra=1),
    "white space": KEYSTORE_JSON + b"\n",
    "a second member of one name": KEYSTORE_JSON.replace(b"{", b'{"version":1,', 1),
    "over 64 KiB": _with(extra="x" * 65536),
    "deep nesting": b"[" * 60_000,
    "not a number": b'{"version":NaN}',
    "a huge number": b'{"version":' + b"9" * 5000 + b"}",
    "a list": b"[]",
    "nothing": b"",
    "no UTF-8": b'{"a":"\xff"}',
}


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_a_hostile_header_is_refused_before_any_key_derivation(name):
    """`parse_header` is given no secret, so nothing could be derived."""
    with pytest.raises(IntegrityError):
        parse_header(HOSTILE_HEADERS[name], "keystore.json")


def test_a_header_with_a_foreign_slot_added_is_refused_by_its_hmac(vector):
    folder, unlock = vector
    document = json.loads(KEYSTORE_JSON)
    mine = key_file_slot(Secret(bytes(32)), Secret(b"x" * 32), document["uuid"])
    document["slots"].append(mine.to_json())
    (folder / "keystore.json").write_bytes(canonical(document))
    with pytest.raises(IntegrityError, match="HMAC"):
        Keystore.open(folder, unlock)


def test_a_header_wrapped_anew_under_another_master_opens_none_of_the_catalogue(vector):
    """Who replaces the master key, its slot and its HMAC has an honest header of his own."""
    folder, unlock = vector
    document = json.loads(KEYSTORE_JSON)
    master, key = Secret(b"m" * 32), Secret(unlock.key_file.read_bytes())
    document["slots"] = [key_file_slot(master, key, document["uuid"]).to_json()]
    del document["mac"]
    (folder / "keystore.json").write_bytes(with_mac(document, _mac_key(master, document["uuid"])))
    with pytest.raises(IntegrityError, match=r"catalogue\.json was changed"):
        Keystore.open(folder, unlock)


def test_a_catalogue_over_its_length_is_refused():
    with pytest.raises(IntegrityError, match="more than"):
        parse_catalogue(b" " * (4 * 1024 * 1024 + 1), Secret(bytes(32)), "u", "catalogue.json")


edits = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 40), st.binary(max_size=40)),
    min_size=1,
    max_size=4,
)


def _edited(data, changes):
    for start, length, new in changes:
        start = start % (len(data) + 1)  # noqa: PLW2901
        data = data[:start] + new + data[start + length :]
    return data


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits)
def test_no_random_change_of_an_object_is_accepted(sealed, tmp_path, changes):
    _, master, head, chunks = sealed
    whole = head + b"".join(chunks)
    data = _edited(whole, changes)
    if data != whole:
        _refuses(tmp_path / "x.dpk", master, data)


@settings(max_examples=200, deadline=None)
@given(edits)
def test_no_random_change_of_a_header_is_accepted(changes):
    data = _edited(KEYSTORE_JSON, changes)
    if data == KEYSTORE_JSON:
        return
    with pytest.raises(DpkitError):
        _open_header(data)


def _open_header(data):
    secret = Secret((VECTORS / "v1" / "test.key").read_bytes())
    unchecked = parse_header(data, "keystore.json")
    for slot in unchecked.claimed.slots:
        master = None if slot.work else unwrap(slot, secret, unchecked.claimed.uuid)
        if master:
            return unchecked.checked(master)
    raise UnlockError("no slot opens")
