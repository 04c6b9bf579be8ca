"""The ledger: an image that was released is known again, and only by who holds the keystore."""

import copy
import hashlib
import hmac
import pickle
import struct
import threading
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dpkit.errors import IntegrityError, KeystoreMissingError, UsageError
from dpkit.keystore.backup import backup
from dpkit.keystore.ledger import Ledger
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.types import Secret

from . import twin
from .conftest import CHEAP, PASSPHRASE, by_passphrase

BATCH = np.random.default_rng(3).integers(0, 256, (6, 5, 4, 3), np.uint8)
ZERO = bytes(32)  # texts of numpy drop zeros at their end; marks must not
AWKWARD = [ZERO, b"\1" + bytes(31), bytes(31) + b"\1", b"\1\1" + bytes(30), b"\xff" * 32]
awkward_marks = st.lists(st.sampled_from(AWKWARD), max_size=7)
names = st.sampled_from(["r-1", "r-2", "r-3"])


@pytest.fixture(scope="module")
def fresh_ledgers(tmp_path_factory):
    """Ledgers of one keystore, each with a name and a secret of its own."""
    folder = tmp_path_factory.mktemp("shared")
    unlock = Unlock(key_file=folder / "config" / "test.key", work=CHEAP)
    store = Keystore.create(folder / "clinic.dpks", unlock)
    return (Ledger(store, f"scheme-{i}") for i in count())


@pytest.fixture
def ledger(store):
    return Ledger(store, "mix")


@pytest.fixture
def marks(ledger):
    return ledger.marks(BATCH)


def as_marks(texts):
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, 32)


def labels(store):
    return [entry.label for entry in store.entries() if entry.state != "destroyed"]


def object_of(store, label):
    return next(entry.object_id for entry in store.entries() if entry.label == label)


def reopened(store, by_key_file):
    return Ledger(Keystore.open(store.path, by_key_file), "mix")


def sealed_by_hand(store, **changed):
    """Put an entry as another program might, with some of its members changed."""
    header = {"sanitizer": "mix", "release_id": "r-1", "secret": object_of(store, "mix secret")}
    arrays = {"marks": as_marks(sorted(AWKWARD))}
    header |= {name: value for name, value in changed.items() if isinstance(value, str)}
    arrays |= {name: value for name, value in changed.items() if not isinstance(value, str)}
    store.put("ledger", header, arrays, label="mix r-1")


def test_an_image_of_another_release_is_known_and_of_its_own_is_not(ledger, marks):
    ledger.enter("r-1", marks[:4])
    assert ledger.known(marks, except_release="r-2").tolist() == [True] * 4 + [False] * 2
    assert not ledger.known(marks, except_release="r-1").any()


def test_a_mark_is_what_the_page_says(store, ledger):
    secret = store.get(object_of(store, "mix secret"), "ledger").array("secret").tobytes()
    key = twin.derive(secret, b"ledger mark", b"mix")
    for image, bits in ((BATCH[0], 8), (BATCH[0].astype(np.uint16) * 257, 16)):
        little = image.astype(f"<u{bits // 8}").tobytes()
        message = struct.pack(">4I", bits, 5, 4, 3) + little
        assert ledger.mark(image) == hmac.digest(key, message, hashlib.sha256)


def test_the_marks_of_a_batch_are_those_of_its_images(ledger, marks):
    assert (marks.dtype, marks.shape) == (np.uint8, (6, 32))
    assert [row.tobytes() for row in marks] == [ledger.mark(image) for image in BATCH]
    assert ledger.marks(BATCH[:0]).shape == (0, 32)


def test_a_mark_follows_the_values_and_not_how_they_lie_in_memory(ledger, marks):
    turned = np.asfortranarray(BATCH)
    assert np.array_equal(ledger.marks(turned), marks)
    assert np.array_equal(ledger.marks(BATCH[::-1])[::-1], marks)
    deep = BATCH.astype(np.uint16)
    assert np.array_equal(ledger.marks(deep.astype(">u2")), ledger.marks(deep))


@settings(max_examples=30, deadline=None)
@given(data=st.data(), depth=st.sampled_from([np.uint8, np.uint16]))
def test_pixels_that_differ_in_one_value_shape_or_depth_have_other_marks(
    fresh_ledgers, data, depth
):
    shape = data.draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=4))
    image = data.draw(hnp.arrays(depth, shape))
    other = image.copy()
    other.flat[data.draw(st.integers(0, image.size - 1))] ^= 1
    longer = image.reshape((1, 1, -1) if shape[:2] != (1, 1) else (1, -1, 1))
    deeper = image.astype(np.uint16 if depth == np.uint8 else np.uint8)
    kin = [image, other, deeper] + ([longer] if longer.shape != shape else [])
    ledger = next(fresh_ledgers)
    assert len({ledger.mark(one) for one in kin}) == len(kin)
    assert ledger.mark(image.copy()) == ledger.mark(image)


@settings(max_examples=30, deadline=None)
@given(entered=st.dictionaries(names, awkward_marks), asked=awkward_marks, own=names)
def test_known_and_releases_agree_with_sets(fresh_ledgers, entered, asked, own):
    ledger = next(fresh_ledgers)
    for release_id, texts in entered.items():
        ledger.enter(release_id, as_marks(texts))
    others = {text for name, texts in entered.items() if name != own for text in texts}
    known = ledger.known(as_marks(asked), except_release=own)
    assert known.dtype == np.bool_
    assert known.tolist() == [text in others for text in asked]
    for text in AWKWARD:
        holders = tuple(name for name, texts in entered.items() if text in texts)
        assert ledger.releases(text) == holders


def test_many_random_marks_are_told_apart(ledger):
    rng = np.random.default_rng(5)
    marks = rng.integers(0, 256, (20_000, 32), np.uint8)
    ledger.enter("r-1", marks[::2])
    known = ledger.known(marks, except_release="r-2")
    assert np.array_equal(known, np.arange(20_000) % 2 == 0)


def test_entering_the_same_set_again_changes_nothing(store, ledger, marks):
    ledger.enter("r-1", marks)
    written = store.entries()
    ledger.enter("r-1", np.concatenate([marks[::-1], marks[:2]]))
    assert store.entries() == written


@pytest.mark.parametrize("rows", [slice(0, 5), slice(0, 0)])
def test_entering_another_set_under_one_release_is_refused_and_changes_nothing(
    store, ledger, marks, rows
):
    ledger.enter("r-1", marks)
    written = store.entries()
    with pytest.raises(IntegrityError, match="other images"):
        ledger.enter("r-1", marks[rows])
    assert store.entries() == written
    assert ledger.known(marks, except_release="r-2").all()


def test_the_sealed_marks_are_sorted_and_each_stands_once(store, ledger, marks):
    ledger.enter("r-1", np.concatenate([marks, marks]))
    sealed = store.get(object_of(store, "mix r-1"), "ledger")
    assert sealed.settings == {
        "sanitizer": "mix",
        "release_id": "r-1",
        "secret": object_of(store, "mix secret"),
    }
    assert sealed.names() == ("marks",)
    found = [row.tobytes() for row in sealed.array("marks")]
    assert found == sorted({row.tobytes() for row in marks})


def test_two_ledgers_of_one_keystore_agree(store, by_key_file, ledger, marks):
    other = reopened(store, by_key_file)
    assert np.array_equal(other.marks(BATCH), marks)
    other.enter("r-1", marks[:1])
    assert ledger.releases(marks[0].tobytes()) == ("r-1",)
    assert labels(store) == ["mix secret", "mix r-1"]


def test_another_keystore_and_another_sanitizer_have_other_marks(
    store, tmp_path, by_key_file, ledger, marks
):
    elsewhere = Keystore.create(tmp_path / "other.dpks", by_key_file)
    for other in (Ledger(elsewhere, "mix"), Ledger(store, "pixelate")):
        assert not (other.marks(BATCH) == marks).all(axis=1).any()
    Ledger(store, "pixelate").enter("r-1", marks)
    assert not ledger.known(marks, except_release="r-2").any()


def test_a_copy_of_the_keystore_knows_the_same_images(store, tmp_path, ledger, marks):
    ledger.enter("r-1", marks)
    store.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    backup(store, tmp_path / "copy.dpks")
    restored = Ledger(Keystore.open(tmp_path / "copy.dpks", by_passphrase()), "mix")
    assert restored.known(restored.marks(BATCH), except_release="r-2").all()


def test_runs_side_by_side_have_one_secret_and_enter_a_release_once(store, by_key_file):
    found, start = [], threading.Barrier(4)

    def work():
        keystore = Keystore.open(store.path, by_key_file)
        start.wait()
        mine = Ledger(keystore, "mix")
        found.append(mine.mark(BATCH[0]))
        mine.enter("r-1", mine.marks(BATCH))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (4, 1)
    assert labels(store) == ["mix secret", "mix r-1"]


def test_who_was_second_to_draw_a_secret_takes_the_first(store, monkeypatch):
    first = Ledger(store, "mix")
    monkeypatch.setattr(Ledger, "_find_secret", lambda _: None)  # it looked before the first put
    assert Ledger(store, "mix").mark(BATCH[0]) == first.mark(BATCH[0])
    assert labels(store) == ["mix secret"]


def test_who_was_second_to_enter_a_release_is_held_to_the_first(store, ledger, marks, monkeypatch):
    ledger.enter("r-1", marks)
    monkeypatch.setattr(Ledger, "_entered", lambda _: iter(()))  # it looked before the first put
    ledger.enter("r-1", marks)
    with pytest.raises(IntegrityError, match="other images"):
        ledger.enter("r-1", marks[:3])
    assert labels(store) == ["mix secret", "mix r-1"]


def test_the_second_secret_of_a_killed_run_is_used_by_nobody(store, marks):
    drawn = np.zeros(32, np.uint8)
    store.put("ledger", {"sanitizer": "mix"}, {"secret": drawn}, label="mix secret")
    assert np.array_equal(Ledger(store, "mix").marks(BATCH), marks)


def test_the_second_entry_of_a_killed_run_counts_as_the_first(store, ledger):
    for _ in range(2):
        sealed_by_hand(store)
    ledger.enter("r-1", as_marks(AWKWARD))
    assert ledger.releases(ZERO) == ("r-1",)


def test_a_destroyed_entry_is_forgotten_and_a_retired_one_is_not(store, ledger, marks):
    ledger.enter("r-1", marks)
    store.retire(object_of(store, "mix r-1"))
    assert ledger.known(marks, except_release="r-2").all()
    store.destroy(object_of(store, "mix r-1"))
    assert not ledger.known(marks, except_release="r-2").any()
    ledger.enter("r-1", marks[:1])
    assert ledger.releases(marks[0].tobytes()) == ("r-1",)


def test_without_the_secret_of_its_entries_no_ledger_is_made(store, ledger, marks):
    ledger.enter("r-1", marks)
    store.destroy(object_of(store, "mix secret"))
    with pytest.raises(KeystoreMissingError, match="would not be known again"):
        Ledger(store, "mix")
    store.destroy(object_of(store, "mix r-1"))
    assert Ledger(store, "mix").mark(BATCH[0]) != marks[0].tobytes()


def test_an_entry_under_another_secret_is_refused(store, ledger, marks):
    sealed_by_hand(store, secret="0" * 27)
    with pytest.raises(KeystoreMissingError, match="would not be known again"):
        ledger.known(marks, except_release="r-2")


@pytest.mark.parametrize("label", ["mix secret", "mix r-1"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_tampered_object_is_refused(store, ledger, marks, label, damage):
    ledger.enter("r-1", marks)
    path = store.path / "objects" / f"{object_of(store, label)}.dpk"
    content = path.read_bytes()
    path.unlink()
    if damage == "changed":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        path.chmod(0o600)
    with pytest.raises(IntegrityError):
        Ledger(store, "mix").known(marks, except_release="r-2")


@pytest.mark.parametrize(
    "changed",
    [
        {"marks": as_marks(AWKWARD[::-1])},
        {"marks": as_marks([ZERO, ZERO])},
        {"marks": np.zeros((1, 31), np.uint8)},
        {"marks": np.zeros(32, np.uint8)},
        {"marks": np.zeros((1, 32), np.int8)},
        {"others": np.zeros((1, 32), np.uint8)},
        {"release_id": "r-2"},
        {"sanitizer": "pixelate"},
        {"epsilon": "1"},
    ],
    ids=str,
)
def test_an_entry_that_is_not_as_the_page_says_is_refused(store, ledger, marks, changed):
    sealed_by_hand(store, **changed)
    for use in (
        lambda: ledger.known(marks, except_release="r-3"),
        lambda: ledger.enter("r-1", marks),
        lambda: ledger.releases(ZERO),
    ):
        with pytest.raises(IntegrityError, match="its label says"):
            use()


@pytest.mark.parametrize("secret", [np.zeros(16, np.uint8), np.zeros(32, np.int8)])
def test_a_secret_that_is_not_as_the_page_says_is_refused(store, secret):
    store.put("ledger", {"sanitizer": "mix"}, {"secret": secret}, label="mix secret")
    with pytest.raises(IntegrityError, match="its label says"):
        Ledger(store, "mix")


@pytest.mark.parametrize(
    "pixels",
    [BATCH[0], BATCH[np.newaxis], BATCH.astype(np.float32), BATCH.astype(np.int16), BATCH > 7],
    ids=["one image", "five axes", "float32", "int16", "bool"],
)
def test_pixels_of_another_shape_or_type_are_refused(ledger, pixels):
    with pytest.raises(UsageError, match=r"\[h,w,c\]"):
        ledger.marks(pixels)


def test_one_mark_is_of_one_image(ledger):
    for pixels in (BATCH, BATCH[0, 0]):
        with pytest.raises(UsageError, match=r"\[h,w,c\]"):
            ledger.mark(pixels)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(32, np.uint8), np.zeros((2, 16), np.uint8), np.zeros((2, 32), np.int64)],
    ids=["one axis", "short", "int64"],
)
def test_marks_of_another_shape_or_type_are_refused(store, ledger, wrong):
    for use in (lambda: ledger.known(wrong, except_release="r"), lambda: ledger.enter("r", wrong)):
        with pytest.raises(UsageError, match=r"u8 \[n,32\]"):
            use()
    assert labels(store) == ["mix secret"]


@pytest.mark.parametrize("mark", [b"", bytes(31), bytes(64)])
def test_a_mark_of_another_length_is_refused(ledger, mark):
    with pytest.raises(UsageError, match=r"u8 \[n,32\]"):
        ledger.releases(mark)


@pytest.mark.parametrize("name", ["", "a b", "secret", "é", "-", "x" * 61])
def test_a_release_whose_name_cannot_be_a_label_is_refused(store, ledger, marks, name):
    with pytest.raises(UsageError):
        ledger.enter(name, marks)
    assert labels(store) == ["mix secret"]


@pytest.mark.parametrize("name", ["", "mix x", "mix\n"])
def test_a_sanitizer_whose_name_cannot_be_a_label_is_refused(store, name):
    with pytest.raises(UsageError, match="cannot stand in the ledger"):
        Ledger(store, name)
    assert labels(store) == []


def test_the_repr_hides_and_pickling_and_copying_are_refused(store, ledger):
    secret = store.get(object_of(store, "mix secret"), "ledger").array("secret").tobytes()
    assert repr(ledger) == f"<Ledger of mix in keystore {store.uuid}: hidden>"
    shown = repr(vars(ledger))
    for hidden in (secret, ledger._mark_key.reveal()):
        assert hidden.hex() not in shown
        assert repr(hidden)[2:-1] not in shown
    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled or copied"):
            leave(ledger)


def test_neither_a_mark_nor_the_secret_stands_in_the_folder(store, ledger, marks):
    ledger.enter("r-1", marks)
    secret = store.get(object_of(store, "mix secret"), "ledger").array("secret")
    written = b"".join(path.read_bytes() for path in store.path.rglob("*") if path.is_file())
    for hidden in (secret, *marks):
        assert hidden.tobytes() not in written
        assert hidden.tobytes().hex().encode() not in written
