import os
import stat

import pytest

from dpkit.errors import UnlockError, UsageError
from dpkit.keystore import unlock
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.types import Secret

from .conftest import CHEAP, PASSPHRASE, by_passphrase


def pipe(content):
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return reader


def private(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_default_places_are_apart_and_under_the_users_directories(own_home):
    keystore, key_file = unlock.default_path(), unlock.default_key_file("u")
    assert keystore.name == "default.dpks"
    assert key_file.name == "u.key"
    assert own_home / "xdg_data_home" in keystore.parents
    assert own_home / "xdg_config_home" in key_file.parents


def test_a_first_keystore_makes_its_default_key_file_and_opens_by_it():
    made = Keystore.create(unlock.default_path(), Unlock(work=CHEAP))
    key_file = unlock.default_key_file(made.uuid)
    assert key_file.stat().st_size == 32
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert Keystore.open(made.path, Unlock()).opened_by.type == "key-file"


def test_a_named_key_file_is_made_once_and_then_used_again(tmp_path):
    by_file = Unlock(key_file=tmp_path / "config" / "my.key")
    first = Keystore.create(tmp_path / "a.dpks", by_file)
    content = by_file.key_file.read_bytes()
    second = Keystore.create(tmp_path / "b.dpks", by_file)
    assert by_file.key_file.read_bytes() == content
    assert first.uuid != second.uuid
    assert Keystore.open(second.path, by_file).uuid == second.uuid


@pytest.mark.parametrize("place", ["beside.key", "a.dpks/in.key", "a.dpks/objects/deep.key"])
def test_a_key_file_in_or_beside_its_keystore_is_refused(tmp_path, place):
    with pytest.raises(UsageError, match="in or beside"):
        Keystore.create(tmp_path / "a.dpks", Unlock(key_file=tmp_path / place))
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_alone_makes_no_key_file(tmp_path, own_home):
    made = Keystore.create(tmp_path / "a.dpks", by_passphrase())
    assert [slot.type for slot in made.slots()] == ["passphrase"]
    assert not own_home.exists()


def test_both_ways_in_are_made_where_both_are_given(tmp_path):
    both = Unlock(tmp_path / "k" / "x.key", lambda: Secret(PASSPHRASE.encode()), work=CHEAP)
    made = Keystore.create(tmp_path / "a.dpks", both)
    assert [slot.type for slot in made.slots()] == ["key-file", "passphrase"]


def test_the_wrong_secret_opens_nothing(store, tmp_path):
    other = private(tmp_path / "other.key", bytes(32))
    with pytest.raises(UnlockError, match="does not open"):
        Keystore.open(store.path, Unlock(key_file=other))
    with pytest.raises(UnlockError, match="does not open"):
        Keystore.open(store.path, by_passphrase())


def test_a_wrong_passphrase_never_falls_back_on_the_default_key_file():
    made = Keystore.create(unlock.default_path(), Unlock())
    made.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    with pytest.raises(UnlockError):
        Keystore.open(made.path, by_passphrase("another one"))


def test_a_named_key_file_comes_before_the_passphrase_and_the_passphrase_still_counts(tmp_path):
    made = Keystore.create(tmp_path / "a.dpks", by_passphrase())
    other = private(tmp_path / "other.key", bytes(32))
    both = Unlock(other, lambda: Secret(PASSPHRASE.encode()))
    assert Keystore.open(made.path, both).opened_by.type == "passphrase"


def test_the_prompt_is_the_last_resort(tmp_path):
    made = Keystore.create(tmp_path / "a.dpks", by_passphrase())
    asked = Unlock(prompt=lambda: Secret(PASSPHRASE.encode()))
    assert Keystore.open(made.path, asked).opened_by.type == "passphrase"
    with pytest.raises(UnlockError, match="needs its passphrase"):
        Keystore.open(made.path, Unlock())


def test_a_lost_default_key_file_is_named(own_home):
    made = Keystore.create(unlock.default_path(), Unlock())
    unlock.default_key_file(made.uuid).unlink()
    with pytest.raises(UnlockError, match=rf"needs its key-file; {own_home}.*is not there"):
        Keystore.open(made.path, Unlock())


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33), bytes(5000)])
def test_a_key_file_of_another_length_is_refused(tmp_path, content):
    with pytest.raises(UnlockError, match="does not have 32 bytes"):
        unlock.read_key_file(private(tmp_path / "x.key", content))


def test_a_key_file_that_others_can_read_or_that_is_not_there_is_refused(tmp_path):
    path = private(tmp_path / "x.key", bytes(32))
    path.chmod(0o640)
    with pytest.raises(UnlockError, match="chmod go-rwx"):
        unlock.read_key_file(path)
    with pytest.raises(UnlockError, match="cannot read key file"):
        unlock.read_key_file(tmp_path / "absent.key")


@pytest.mark.parametrize("content", [b"two words", b"two words\n", b"two words\r\n"])
def test_a_passphrase_is_one_line_of_a_descriptor_or_file(tmp_path, content):
    reader = pipe(content)
    assert unlock.passphrase_from_descriptor(reader) == Secret(b"two words")
    os.close(reader)
    path = private(tmp_path / "words", content)
    assert unlock.passphrase_from_file(path) == Secret(b"two words")


def test_a_descriptor_gives_one_line_after_the_other():
    reader = pipe(b"first words\nsecond words\n")
    lines = [unlock.passphrase_from_descriptor(reader).reveal() for _ in range(2)]
    os.close(reader)
    assert lines == [b"first words", b"second words"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe words", b"x" * 5000])
def test_a_passphrase_that_cannot_be_is_refused(tmp_path, content):
    reader = pipe(content)
    with pytest.raises(UsageError, match="passphrase"):
        unlock.passphrase_from_descriptor(reader)
    os.close(reader)
    with pytest.raises(UsageError, match="passphrase"):
        unlock.passphrase_from_file(private(tmp_path / "words", content))


def test_a_descriptor_that_is_not_open_is_refused():
    reader = pipe(b"")
    os.close(reader)
    with pytest.raises(UsageError, match="descriptor"):
        unlock.passphrase_from_descriptor(reader)


def test_a_passphrase_file_of_two_lines_or_of_others_is_refused(tmp_path):
    path = private(tmp_path / "words", b"one\ntwo\n")
    with pytest.raises(UsageError, match="more than one line"):
        unlock.passphrase_from_file(path)
    path.chmod(0o644)
    with pytest.raises(UnlockError, match="chmod"):
        unlock.passphrase_from_file(path)
    with pytest.raises(UnlockError, match="cannot read"):
        unlock.passphrase_from_file(tmp_path / "absent")


def test_the_environment_gives_a_passphrase(monkeypatch):
    monkeypatch.setenv("DPKIT_PASSPHRASE", "two words")
    assert unlock.passphrase_from_environment() == Secret(b"two words")


def test_without_a_terminal_nobody_is_asked(monkeypatch):
    with open(os.devnull) as nothing:  # noqa: PTH123 (a device)
        monkeypatch.setattr("sys.stdin", nothing)
        for ask in (unlock.passphrase_from_terminal, unlock.new_passphrase_from_terminal):
            with pytest.raises(UnlockError, match="no terminal"):
                ask()
