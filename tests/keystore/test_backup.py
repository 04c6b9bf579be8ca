import shutil

import numpy as np
import pytest

from dpkit.errors import IntegrityError, UnlockError, UsageError
from dpkit.keystore.backup import backup, check_backup
from dpkit.keystore.store import Keystore
from dpkit.types import Secret

from .conftest import CHEAP, PASSPHRASE, by_passphrase, copy_of


@pytest.fixture
def full(store, arrays):
    """A keystore with a passphrase, two objects and a tombstone."""
    store.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    store.put("key", {}, arrays, label="morph")
    store.put("plan", {}, {"rows": np.zeros(200_000)})
    store.destroy(store.put("signing", {}, {}))
    return store


def test_a_keystore_that_only_its_key_file_opens_is_not_backed_up(store, tmp_path):
    with pytest.raises(UsageError, match="dpkit keys add-passphrase"):
        backup(store, tmp_path / "copy.dpks")
    assert not (tmp_path / "copy.dpks").exists()


def test_a_backup_opens_by_the_passphrase_without_the_original(full, tmp_path, arrays):
    copied = tmp_path / "usb" / "copy.dpks"
    assert backup(full, copied) == 2
    shutil.rmtree(full.path)
    checked = check_backup(copied, by_passphrase())
    assert (checked.uuid, checked.n_objects) == (full.uuid, 2)
    assert checked.opened_by.type == "passphrase"
    opened = Keystore.open(copied, by_passphrase())
    key = opened.entries()[0].object_id
    assert np.array_equal(opened.get(key, "key").array("core"), arrays["core"])
    opened.put("key", {}, arrays)  # a backup is a keystore


def test_a_backup_never_takes_an_existing_path(full, tmp_path):
    (tmp_path / "copy.dpks").mkdir()
    for out in (tmp_path / "copy.dpks", tmp_path / "copy", full.path):
        with pytest.raises(UsageError):
            backup(full, out)
    assert list((tmp_path / "copy.dpks").iterdir()) == []


def test_a_damaged_keystore_gives_no_backup(full, tmp_path):
    path = full.path / "objects" / f"{full.entries()[1].object_id}.dpk"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError):
        backup(full, tmp_path / "usb" / "copy.dpks")
    assert list((tmp_path / "usb").iterdir()) == []
    assert not full.is_backed_up()


def test_is_backed_up_holds_until_the_next_secret(full, tmp_path, arrays):
    assert not full.is_backed_up()
    backup(full, tmp_path / "1.dpks")
    assert full.is_backed_up()
    full.put("ledger", {}, {})
    full.put("augconv", {}, {})  # can be made again from the key
    assert full.is_backed_up()
    for number, kind in enumerate(("key", "plan", "signing"), start=2):
        full.put(kind, {}, arrays)
        assert not full.is_backed_up()
        backup(full, tmp_path / f"{number}.dpks")
        assert full.is_backed_up()


def test_check_backup_refuses_a_copy_with_any_object_damaged_cut_or_gone(full, tmp_path):
    backup(full, tmp_path / "copy.dpks")
    for entry in full.entries()[:2]:
        for damage in (lambda d: d[:-1], lambda d: d[:-1] + bytes([d[-1] ^ 1]), lambda _: None):
            broken = copy_of(tmp_path / "copy.dpks", tmp_path / "broken.dpks")
            path = broken / "objects" / f"{entry.object_id}.dpk"
            content = damage(path.read_bytes())
            path.unlink()
            if content:
                path.write_bytes(content)
            with pytest.raises(IntegrityError):
                check_backup(broken, by_passphrase())
            shutil.rmtree(broken)


def test_check_backup_tests_the_passphrase_that_it_is_given(full, tmp_path):
    backup(full, tmp_path / "copy.dpks")
    with pytest.raises(UnlockError):
        check_backup(tmp_path / "copy.dpks", by_passphrase("another one"))
