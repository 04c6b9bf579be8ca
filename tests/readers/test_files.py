import os

import pytest

from dpkit.errors import UnreadableImageError
from dpkit.readers import files
from dpkit.readers.files import read_bytes

posix_only = pytest.mark.skipif(os.name == "nt", reason="pipes and free links are POSIX's")


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(bytes(range(256)) * 999)
    assert read_bytes(str(tmp_path), "a/b") == bytes(range(256)) * 999


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/hostname"])
def test_a_path_that_leaves_the_folder_is_refused_before_it_is_opened(tmp_path, path):
    with pytest.raises(UnreadableImageError, match="leaves the source"):
        read_bytes(str(tmp_path), path)


@posix_only
def test_a_link_out_of_the_folder_is_refused_even_after_the_plan(tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a").symlink_to("../secret")
    with pytest.raises(UnreadableImageError, match="symbolic link"):
        read_bytes(str(tmp_path / "root"), "a")


@posix_only
def test_a_link_inside_the_folder_is_read(tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "a").symlink_to("x")
    assert read_bytes(os.path.realpath(tmp_path), "a") == b"x"


@posix_only
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableImageError, match="not a regular file"):
        read_bytes(str(tmp_path), "pipe")


@pytest.mark.parametrize(
    ("name", "reason"), [("gone", "No such file"), ("empty", "empty file"), ("folder", "regular")]
)
def test_what_is_no_file_with_content_has_a_reason_without_its_path(tmp_path, name, reason):
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreadableImageError, match=reason) as caught:
        read_bytes(str(tmp_path), name)
    assert str(tmp_path) not in str(caught.value)


def test_a_file_above_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(UnreadableImageError, match="11 bytes, above the limit of 10"):
        read_bytes(str(tmp_path), "large")
