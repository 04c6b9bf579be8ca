import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.readers.listing import folder_classes, folder_parts, list_files, source_folder

posix_only = pytest.mark.skipif(os.name == "nt", reason="pipes and free links are POSIX's")


def test_files_are_listed_in_the_order_of_their_paths_as_strings(folder):
    root = folder("b/1.png", "a/2.png", "a/10.png", "a-b/1.png", "z.png")
    assert list_files(root).paths == ("a-b/1.png", "a/10.png", "a/2.png", "b/1.png", "z.png")


@pytest.mark.parametrize(
    "name",
    [
        *("labels.csv", "Thumbs.db", ".DS_Store", "desktop.ini", "notes.txt", "a.json", "READ.md"),
        *(".hidden.png", ".git/x.png", "__MACOSX/x.png", "LICENSE", "weights.pt"),
    ],
)
def test_names_that_are_no_images_are_skipped_and_counted(folder, name):
    root = folder("a.png")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"x")
    listing = list_files(root)
    assert listing.paths == ("a.png",)
    assert listing.skipped == 1


def test_a_name_without_or_with_a_wrong_extension_may_be_an_image(folder):
    root = folder("a.png")
    (root / "scan0001").write_bytes(b"x")
    (root / "b.dat").write_bytes(b"x")
    assert list_files(root).paths == ("a.png", "b.dat", "scan0001")


def test_the_label_table_is_skipped_whatever_its_name(folder):
    root = folder("a.png")
    (root / "table").write_text("file,label\n")
    assert list_files(root, [root / "table"]).paths == ("a.png",)


@posix_only
def test_links_that_leave_the_folder_are_not_followed(folder, tmp_path):
    root = folder("a/x.png")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "private.png").write_bytes((root / "a/x.png").read_bytes())
    (root / "file.png").symlink_to(secret / "private.png")
    (root / "climb.png").symlink_to("../secret/private.png")
    (root / "folder").symlink_to(secret)
    (root / "nowhere.png").symlink_to("gone.png")
    listing = list_files(source_folder(root))
    assert listing.paths == ("a/x.png",)
    assert listing.outside == ("climb.png", "file.png", "folder", "nowhere.png")
    assert listing.skipped == 4


@posix_only
def test_a_link_to_a_file_inside_is_followed_and_one_to_a_folder_is_not(folder):
    root = folder("a/x.png")
    (root / "y.png").symlink_to("a/x.png")
    (root / "a/loop").symlink_to("..")
    listing = list_files(source_folder(root))
    assert listing.paths == ("a/x.png", "y.png")
    assert listing.outside == ("a/loop",)


@posix_only
def test_a_folder_whose_name_begins_alike_is_outside(folder):
    root = folder("a.png")
    twin = root.with_name(root.name + "-private")
    twin.mkdir()
    (twin / "p.png").write_bytes(b"x")
    (root / "l.png").symlink_to(twin / "p.png")
    assert list_files(source_folder(root)).outside == ("l.png",)


@posix_only
def test_pipes_are_bad_files_and_never_opened(folder):
    root = folder("a.png")
    os.mkfifo(root / "pipe.png")
    assert list_files(root).special == (("pipe.png", "not a regular file"),)


@posix_only
def test_a_name_that_is_not_utf8_is_a_bad_file(folder):
    root = folder("a.png")
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system refuses such names")
    ((path, reason),) = list_files(root).special
    assert "UTF-8" in reason
    path.encode()


@pytest.mark.parametrize(("name", "words"), [("gone", "does not exist"), ("file", "not a folder")])
def test_a_source_that_is_no_folder_is_refused(tmp_path, name, words):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=words):
        source_folder(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_folder_that_cannot_be_read_is_refused_by_name(folder):
    root = folder("a/x.png")
    (root / "a").chmod(0)
    try:
        with pytest.raises(UsageError, match="folder a/ cannot be read"):
            list_files(root)
    finally:
        (root / "a").chmod(0o700)


def test_top_folders_with_the_usual_names_are_parts():
    paths = ("train/a/1.png", "VAL/a/1.png", "valid/1.png", "validation/1.png", "test/b/c/1.png")
    assert folder_parts(paths) == ("train", "validation", "validation", "validation", "test")


def test_other_folders_are_no_parts():
    assert folder_parts(("cat/train/1.png", "training-set/1.png")) is None


def test_an_image_beside_the_part_folders_is_refused_with_both_remedies():
    with pytest.raises(UsageError, match=r"1 do not, such as extra/1\.png.*--split none"):
        folder_parts(("train/1.png", "extra/1.png"))


def test_the_class_is_the_first_folder_below_the_part():
    paths = ("train/cat/2020/1.png", "test/dog/1.png")
    assert folder_classes(paths, below_parts=True) == ("cat", "dog")
    assert folder_classes(paths, below_parts=False) == ("train", "test")


def test_a_flat_folder_has_no_classes():
    assert folder_classes(("1.png", "2.png"), below_parts=False) is None
    assert folder_classes(("train/1.png", "test/2.png"), below_parts=True) is None


def test_an_image_beside_the_class_folders_is_refused():
    with pytest.raises(UsageError, match=r"beside the class folders, such as logo\.png"):
        folder_classes(("cat/1.png", "logo.png"), below_parts=False)


def test_composed_and_decomposed_letters_name_one_class():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    paths = (f"{composed}/1.png", f"{decomposed}/2.png")
    assert folder_classes(paths, below_parts=False) == (composed, composed)


@given(st.lists(st.from_regex(r"\A([a-c]/){0,3}[a-c]\.png\Z"), min_size=1, max_size=6, unique=True))
def test_any_layout_has_one_class_a_path_or_none_or_a_refusal(paths):
    try:
        classes = folder_classes(paths, below_parts=False)
    except UsageError:
        assert len({"/" in path for path in paths}) == 2
    else:
        assert classes is None or len(classes) == len(paths)
