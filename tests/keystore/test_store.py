import copy
import pickle
import shutil
import stat
import threading

import numpy as np
import pytest

from dpkit.errors import (
    IntegrityError,
    KeystoreMissingError,
    LockedError,
    UnlockError,
    UsageError,
)
from dpkit.keystore import durable
from dpkit.keystore.ids import new_object_id
from dpkit.keystore.store import Keystore
from dpkit.types import Secret

from .conftest import CHEAP, PASSPHRASE, by_passphrase


def test_what_was_put_is_got_after_reopening(store, by_key_file, arrays):
    object_id = store.put("key", {"kappa": 16}, arrays, label="morph")
    sealed = Keystore.open(store.path, by_key_file).get(object_id, "key")
    assert (sealed.object_id, sealed.kind, sealed.settings) == (object_id, "key", {"kappa": 16})
    assert sealed.names() == ("core", "seed")
    assert (sealed.shape("core"), sealed.dtype("seed")) == ((12, 12), np.uint8)
    assert np.array_equal(sealed.array("core"), arrays["core"])
    assert b"".join(sealed.pieces("seed")) == arrays["seed"].tobytes()


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (3, None), (-2, None), (5, 2), (0, 99)])
def test_rows_of_an_array_open_alone(store, arrays, start, stop):
    sealed = store.get(store.put("plan", {}, arrays), "plan")
    assert np.array_equal(sealed.array("core", start, stop), arrays["core"][start:stop])


def test_an_entry_tells_what_is_public(store, arrays):
    object_id = store.put("key", {}, arrays, label="morph")
    (entry,) = store.entries()
    assert entry == store.entry(object_id.upper())
    assert (entry.object_id, entry.kind, entry.state, entry.label) == (
        object_id,
        "key",
        "active",
        "morph",
    )
    assert entry.bytes > sum(array.nbytes for array in arrays.values())


def test_nothing_of_a_secret_stands_in_the_folder(store, by_key_file, arrays):
    store.put("key", {"note": "patient Smith"}, arrays)
    written = b"".join(p.read_bytes() for p in store.path.rglob("*") if p.is_file())
    for secret in (
        arrays["seed"].tobytes(),
        arrays["core"].tobytes()[:16],
        b"Smith",
        b"core",
        by_key_file.key_file.read_bytes(),
        store._master.reveal(),
    ):
        assert secret not in written
        assert secret.hex().encode() not in written


def test_modes_are_0700_and_0600(store, arrays):
    store.put("key", {}, arrays)
    for path in (store.path, *store.path.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected


def test_reprs_hide_and_pickling_is_refused(store, arrays):
    sealed = store.get(store.put("key", {"word": "hush"}, arrays), "key")
    assert "hush" not in repr(sealed)
    assert store._master.reveal().hex() not in repr(store) + repr(store._folder)
    for secretive in (store, sealed):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(secretive)
        with pytest.raises(TypeError, match="copied"):
            copy.deepcopy(secretive)


def test_an_announced_id_is_used_once(store, arrays):
    object_id = new_object_id()
    assert store.put("key", {}, arrays, object_id=object_id) == object_id
    with pytest.raises(UsageError, match="taken"):
        store.put("key", {}, arrays, object_id=object_id)
    store.destroy(object_id)
    with pytest.raises(UsageError, match="taken"):
        store.put("key", {}, arrays, object_id=object_id)


def test_an_unknown_id_a_mistyped_one_and_another_kind_are_told_apart(store, arrays):
    object_id = store.put("plan", {}, arrays)
    with pytest.raises(KeystoreMissingError, match="has no object"):
        store.get(new_object_id(), "plan")
    with pytest.raises(UsageError, match="mistyped"):
        store.get(object_id[:-1] + ("0" if object_id[-1] != "0" else "1"), "plan")
    with pytest.raises(UsageError, match="of kind plan, not key"):
        store.get(object_id, "key")
    with pytest.raises(UsageError, match="no array"):
        store.get(object_id, "plan").array("absent")


def test_a_retired_object_still_opens(store, arrays):
    object_id = store.put("key", {}, arrays)
    store.retire(object_id)
    assert store.entry(object_id).state == "retired"
    assert store.get(object_id, "key").names() == ("core", "seed")
    store.set_state(object_id, "active")
    assert store.entry(object_id).state == "active"


def test_a_destroyed_object_leaves_a_tombstone_and_its_wrap_is_gone(store, arrays, tmp_path):
    object_id = store.put("key", {}, arrays)
    (path,) = (store.path / "objects").iterdir()
    link, copied = tmp_path / "same-disk-blocks", tmp_path / "copy"
    link.hardlink_to(path)
    shutil.copy(path, copied)
    store.destroy(object_id)
    assert store.entry(object_id).state == "destroyed"
    assert not path.exists()
    assert link.read_bytes() != copied.read_bytes()
    with pytest.raises(KeystoreMissingError, match="destroyed"):
        store.get(object_id, "key")
    with pytest.raises(KeystoreMissingError, match="destroyed"):
        store.retire(object_id)
    store.destroy(object_id)  # again: finishes what an interruption left
    assert len(store.entries()) == 1


def test_an_interrupted_destroy_is_finished_by_a_second_call(store, arrays):
    """The file is gone, the tombstone is not yet written."""
    object_id = store.put("key", {}, arrays)
    (store.path / "objects" / f"{object_id}.dpk").unlink()
    with pytest.raises(IntegrityError):
        store.get(object_id, "key")
    store.destroy(object_id)
    assert store.entry(object_id).state == "destroyed"


def test_what_a_killed_run_left_is_ignored_and_removed(store, arrays):
    """Half-written: `.ID.dpk.partial`. Written and not listed: replaced by the next of that id."""
    object_id = new_object_id()
    leftover = store.path / "objects" / f".{new_object_id()}.dpk.partial"
    leftover.write_bytes(b"half")
    (store.path / "objects" / f"{object_id}.dpk").write_bytes(b"unlisted")
    assert store.entries() == ()
    store.put("key", {}, arrays, object_id=object_id)
    assert not leftover.exists()
    assert store.check() == 1


def test_a_failed_put_lists_nothing(store):
    with pytest.raises(UsageError):
        store.put("key", {}, {"a": np.array(["text"])})
    with pytest.raises(UsageError):
        store.put("key", {}, {}, label="é")
    assert store.entries() == ()
    assert list((store.path / "objects").iterdir()) == []


def test_an_existing_path_is_never_taken(tmp_path, by_key_file):
    for name in ("file.dpks", "folder.dpks", "link.dpks"):
        path = tmp_path / name
        {"file": path.touch, "folder": path.mkdir}.get(
            path.stem, lambda path=path: path.symlink_to(tmp_path / "nowhere")
        )()
        with pytest.raises(UsageError, match="exists"):
            Keystore.create(path, by_key_file)
    with pytest.raises(UsageError, match=r"does not end in \.dpks"):
        Keystore.create(tmp_path / "keys", by_key_file)


def test_a_keystore_that_is_not_there_is_missing(tmp_path, by_key_file):
    for path in (tmp_path / "no.dpks", tmp_path):
        path.mkdir(exist_ok=True, mode=0o700)
        with pytest.raises(KeystoreMissingError, match="no keystore"):
            Keystore.open(path, by_key_file)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(KeystoreMissingError):
        Keystore.open(file, by_key_file)


@pytest.mark.parametrize("name", ["", "keystore.json", "catalogue.json"])
def test_a_keystore_open_to_others_is_refused(store, by_key_file, name):
    (store.path / name).chmod(0o750 if not name else 0o644)
    with pytest.raises(UnlockError, match="chmod go-rwx"):
        Keystore.open(store.path, by_key_file)


def test_a_missing_catalogue_is_damage(store, by_key_file):
    (store.path / "catalogue.json").unlink()
    with pytest.raises(IntegrityError, match="is gone"):
        Keystore.open(store.path, by_key_file)


def test_a_passphrase_can_be_added_and_its_slot_removed(store, by_key_file):
    slot = store.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    assert Keystore.open(store.path, by_passphrase()).opened_by.id == slot
    assert [s.type for s in store.slots()] == ["key-file", "passphrase"]
    store.remove_slot(slot)
    with pytest.raises(UnlockError, match="does not open"):
        Keystore.open(store.path, by_passphrase())
    assert Keystore.open(store.path, by_key_file).uuid == store.uuid


def test_the_last_slot_stays(store):
    (slot,) = store.slots()
    with pytest.raises(UsageError, match="add-passphrase"):
        store.remove_slot(slot.id)
    with pytest.raises(UsageError, match="no slot"):
        store.remove_slot("0123456789abcdef")
    assert store.slots() == (slot,)


def test_runs_side_by_side_lose_nothing_of_each_other(store, by_key_file, arrays):
    def work():
        mine = Keystore.open(store.path, by_key_file)
        for _ in range(5):
            mine.put("ledger", {}, arrays)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({entry.object_id for entry in store.entries()}) == 20
    assert store.check() == 20


def test_a_keystore_that_another_run_writes_is_locked_for_writing_alone(store, arrays):
    object_id = store.put("key", {}, arrays)
    store.lock_wait_seconds = 0
    with durable.exclusive(store.path / "lock", 0):
        for change in (
            lambda: store.put("key", {}, arrays),
            lambda: store.destroy(object_id),
            lambda: store.retire(object_id),
            lambda: store.add_passphrase(Secret(b"long enough"), CHEAP),
        ):
            with pytest.raises(LockedError) as caught:
                change()
            assert caught.value.exit_code == 11
        assert store.get(object_id, "key").names() == ("core", "seed")


def test_check_opens_every_chunk(store, arrays):
    object_id = store.put("plan", {}, {"rows": np.zeros(300_000)})
    store.put("key", {}, arrays)
    assert store.check() == 2
    path = store.path / "objects" / f"{object_id}.dpk"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert store.get(object_id, "plan").settings == {}  # its last chunk was not touched yet
    with pytest.raises(IntegrityError, match="chunk 2"):
        store.check()
