import os
import stat

import pytest

from dpkit.errors import DpkitError, LockedError, UnlockError
from dpkit.keystore import durable


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_0600_in_0700_folders_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        durable.create_private(tmp_path / "a" / "b" / "key", b"x")
        with durable.aside(tmp_path / "a" / "file") as file:
            file.write(b"y")
        with durable.aside_folder(tmp_path / "a" / "folder"):
            pass
    finally:
        os.umask(before)
    a = tmp_path / "a"
    assert [mode(p) for p in (a, a / "b", a / "folder")] == [0o700] * 3
    assert [mode(p) for p in (a / "b" / "key", a / "file")] == [0o600] * 2


def test_a_file_that_exists_is_never_created_anew(tmp_path):
    path = tmp_path / "key"
    durable.create_private(path, b"first")
    with pytest.raises(DpkitError, match="cannot write"):
        durable.create_private(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    def fail_halfway():
        with durable.aside(tmp_path / "file") as file:
            file.write(b"half")
            raise ZeroDivisionError

    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_full_disk_is_one_line_with_its_reason(tmp_path):
    def fill_the_disk():
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            with durable.aside(tmp_path / "file") as file:
                file.write(b"half")
                os.write(full, b"x")
        finally:
            os.close(full)

    with pytest.raises(DpkitError, match=r"cannot write .*No space left.*free space"):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def fail_halfway():
        with durable.aside_folder(tmp_path / "folder") as folder:
            (folder / "half").write_bytes(b"")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(tmp_path, rights):
    path = tmp_path / "key"
    path.write_bytes(b"x")
    path.chmod(rights)
    with pytest.raises(UnlockError, match="chmod go-rwx"):
        durable.read_private(path, 10)


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(UnlockError, match="regular"):
        durable.read_private(tmp_path / "pipe", 10)


def test_a_second_holder_of_the_lock_is_told(tmp_path):
    lock = tmp_path / "lock"
    with (
        durable.exclusive(lock, 0),
        pytest.raises(LockedError, match="another run"),
        durable.exclusive(lock, 0.1),
    ):
        pass
    with durable.exclusive(lock, 0):
        assert lock.exists()
