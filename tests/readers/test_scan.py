import hashlib

import numpy as np
import pytest

from dpkit.errors import DpkitError, UsageError
from dpkit.readers.labels import LabelTable
from dpkit.readers.scan import ScanOptions, scan
from dpkit.readers.targets import encode_targets

from .zoo import exif, photograph, png, save


def test_each_file_gives_its_digest_size_channels_and_depth(folder):
    root = folder()
    save(root / "a.jpg", photograph(6, 9), exif=exif(6))
    save(root / "b.png", photograph(5, 4)[..., 0])
    (root / "c.png").write_bytes(png(0, 16, np.full((2, 3), 999)))
    found = scan(root, ScanOptions())
    assert found.paths == ("a.jpg", "b.png", "c.png")
    assert found.sizes.tolist() == [[9, 6], [5, 4], [2, 3]]
    assert found.channels.tolist() == [3, 1, 1]
    assert found.depths.tolist() == [8, 8, 16]
    digests = [hashlib.sha256((root / path).read_bytes()).digest() for path in found.paths]
    assert [row.tobytes() for row in found.sha256] == digests
    assert (found.task, found.labels, found.parts, found.groups) == ("none", None, None, None)


def test_folders_give_classes_and_parts(scanned):
    found = scanned("train/cat/1.png", "train/dog/1.png", "val/cat/x/1.png")
    assert found.task == "single"
    assert found.labels == (("cat",), ("dog",), ("cat",))
    assert found.parts == ("train", "train", "validation")


def test_without_a_split_the_same_folders_are_classes(scanned):
    found = scanned("train/cat/1.png", "val/cat/1.png", folders_are_parts=False)
    assert found.labels == (("train",), ("val",))
    assert found.parts is None


def test_a_bad_file_is_listed_with_its_reason_and_the_scan_goes_on(folder):
    root = folder("cat/1.png", "dog/2.png")
    (root / "cat/empty.png").touch()
    (root / "dog/text.jpg").write_text("hello")
    found = scan(root, ScanOptions())
    assert found.labels == (("cat",), ("dog",))
    assert [bad.path for bad in found.bad] == ["cat/empty.png", "dog/text.jpg"]
    assert found.bad[0].reason == "empty file"


def test_many_workers_give_the_same_columns_and_report_progress(folder):
    root = folder(*(f"{n % 3}/{n:03}.png" for n in range(150)))
    steps = []
    one = scan(root, ScanOptions(), progress=lambda *step: steps.append(step))
    four = scan(root, ScanOptions(), workers=4)
    np.testing.assert_array_equal(one.sha256, four.sha256)
    assert one.paths == four.paths
    assert steps == [(64, 150), (128, 150), (150, 150)]


def test_a_folder_without_an_image_is_refused(folder):
    root = folder()
    (root / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="no image in"):
        scan(root, ScanOptions())


def test_a_folder_of_bad_images_alone_fails_with_the_first_reason(folder):
    root = folder()
    (root / "a.png").touch()
    with pytest.raises(DpkitError, match=r"none of 1 files is a readable image; a\.png: empty"):
        scan(root, ScanOptions())


def test_the_inputs_are_not_changed(folder):
    root = folder("a/1.png", "b/2.png")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.png")}
    scan(root, ScanOptions(), workers=2)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.png")} == before


def labelled(folder, table, text, *names, **columns):
    columns.setdefault("label_columns", ("label",))
    return scan(folder(*names), ScanOptions(LabelTable(table(text), **columns)))


def test_a_table_gives_labels_groups_parts_and_kept_columns(folder, table):
    text = "file,label,patient,set,site,secret\nb.png,cat,p1,Valid,x,s\na.png,dog,p2,training,y,t\n"
    columns = {"group_column": "patient", "part_column": "set", "keep_columns": ("site",)}
    found = labelled(folder, table, text, "a.png", "b.png", **columns)
    assert found.paths == ("a.png", "b.png")
    assert found.labels == (("dog",), ("cat",))
    assert found.groups == ("p2", "p1")
    assert found.parts == ("train", "validation")
    assert found.kept == {"site": ("y", "x")}


def test_a_table_in_the_source_is_not_an_image(folder):
    root = folder("a.png")
    (root / "labels").write_text("file,label\na.png,cat\n")
    found = scan(root, ScanOptions(LabelTable(root / "labels", label_columns=("label",))))
    assert (found.skipped, found.bad, found.paths) == (1, (), ("a.png",))


def test_files_without_a_row_are_not_read_and_not_released(folder, table):
    root = folder("a.png")
    (root / "b.png").write_bytes(b"broken")
    options = ScanOptions(LabelTable(table("file,label\na.png,x\n"), label_columns=("label",)))
    found = scan(root, options)
    assert found.paths == ("a.png",)
    assert found.bad == ()
    assert found.notices == ("1 files have no row in labels.csv and are not released: b.png",)


def test_differing_rows_put_the_file_into_the_bad_list(folder, table):
    text = "file,label\na.png,x\na.png,y\nb.png,x\n"
    found = labelled(folder, table, text, "a.png", "b.png")
    assert found.paths == ("b.png",)
    assert found.bad[0].path == "a.png"
    assert "lines 2, 3" in found.bad[0].reason


def test_an_empty_label_is_not_released_and_counted(folder, table):
    found = labelled(folder, table, "file,label\na.png,x\nb.png,\n", "a.png", "b.png")
    assert found.paths == ("a.png",)
    assert found.notices == (
        "1 files have an empty label in labels.csv and are not released: b.png",
    )


def test_a_table_of_groups_leaves_the_classes_to_the_folders(folder, table):
    text = "file,who\ncat/1.png,p\ndog/2.png,q\n"
    names = ("cat/1.png", "dog/2.png")
    found = labelled(folder, table, text, *names, label_columns=(), group_column="who")
    assert found.labels == (("cat",), ("dog",))
    assert found.groups == ("p", "q")


def test_labels_of_a_table_need_no_class_folders(folder, table):
    text = "file,label\ncat/1.png,x\n2.png,y\n"
    assert labelled(folder, table, text, "cat/1.png", "2.png").labels == (("y",), ("x",))


def test_a_bad_image_leaves_every_column(folder, table):
    root = folder("a.png", "c.png")
    (root / "b.png").write_bytes(b"broken")
    text = "file,label,who,site\na.png,x,1,k\nb.png,y,2,l\nc.png,z,3,m\n"
    columns = {"label_columns": ("label",), "group_column": "who", "keep_columns": ("site",)}
    found = scan(root, ScanOptions(LabelTable(table(text), **columns)))
    assert found.labels == (("x",), ("z",))
    assert found.groups == ("1", "3")
    assert found.kept == {"site": ("k", "m")}
    assert len(found.sha256) == len(found.sizes) == 2


@pytest.mark.parametrize(
    ("text", "columns", "task"),
    [
        ("file,label\na.png,3\n", {}, "single"),
        ("file,label\na.png,x|y\n", {"label_sep": "|"}, "multi"),
        ("file,label,b\na.png,1,\n", {"label_columns": ("label", "b")}, "multi"),
        ("file,label\na.png,1.5\n", {"task": "regression"}, "regression"),
        ("file,label\na.png,1.5\n", {"task": "single"}, "single"),
        ("file,label\na.png,1\n", {"task": "multi"}, "multi"),
    ],
)
def test_the_task_is_what_was_said_or_what_the_columns_show(folder, table, text, columns, task):
    found = labelled(folder, table, text, "a.png", **columns)
    assert found.task == task
    assert len(encode_targets(found).values) == 1


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("file,label\na.png,1.5\n", {}, "--task single or --task regression"),
        ("file,label,b\na.png,3,4\n", {"label_columns": ("label", "b")}, "--task multi or"),
        ("file,label\nzzz.png,x\n", {}, "no row of labels.csv names a file.*zzz.png"),
        ("file,label\n", {}, "no row of labels.csv"),
        ("file,label\na.png,\n", {}, "is empty for every file"),
        ("file,label,who\na.png,x,\n", {"group_column": "who"}, "no group in column 'who'"),
        ("file,label,set\na.png,x,odd\n", {"part_column": "set"}, "'odd' in column 'set'"),
    ],
)
def test_a_table_in_doubt_is_refused_with_the_remedy(folder, table, text, columns, words):
    with pytest.raises(UsageError, match=words):
        labelled(folder, table, text, "a.png", **columns)
