"""A shard is written once, in order, and any HDF5 program reads it back."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import DpkitError
from dpkit.release.hdf5 import read_structure
from dpkit.release.shards import ShardLayout, write_shard
from dpkit.types import ImageBatch, SanitizedBatch

from .conftest import SHAPE, batch, header

NAME = "train-00000-of-00001.h5"


def joined(batches, column):
    return np.concatenate([getattr(one, column) for one in batches])


@pytest.mark.parametrize("task", ["none", "single", "multi", "regression"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "uint16"])
def test_h5py_reads_every_column_back(tmp_path, task, dtype):
    rng = np.random.default_rng(1)
    batches = [batch(rng, n, task, dtype) for n in (5, 1, 7)]
    write_shard(tmp_path / NAME, header("train", task, dtype), 13, batches)
    names = {"images": "values", "labels": "targets", "ids": "ids", "groups": "groups"}
    with h5py.File(tmp_path / NAME) as file:
        for name, column in names.items():
            assert file[name].chunks is None
            np.testing.assert_array_equal(file[name][:], joined(batches, column))
        assert {k: v.decode() for k, v in file.attrs.items()} == {
            "format": "dpkit-release",
            "version": "1",
            "release_id": "rel-1",
            "part": "train",
            "sanitizer": "morph",
        }


def test_the_entry_tells_size_and_digest_of_the_file(tmp_path):
    shard = write_shard(
        tmp_path / NAME,
        header("train", "single", "float32"),
        5,
        [batch(np.random.default_rng(1), 5)],
    )
    content = (tmp_path / NAME).read_bytes()
    assert shard.bytes == len(content)
    assert shard.sha256 == hashlib.sha256(content).hexdigest()
    assert (shard.file, shard.part, shard.rows) == (f"data/{NAME}", "train", 5)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 23), max_size=4))
def test_the_bytes_do_not_depend_on_how_rows_are_batched(tmp_path_factory, cuts):
    whole = batch(np.random.default_rng(2), 23)
    borders = [0, *sorted(cuts), 23]
    parts = [
        SanitizedBatch(*(getattr(whole, c)[a:b] for c in ("values", "targets", "ids", "groups")))
        for a, b in pairwise(borders)
    ]
    head = header("train", "single", "float32")
    folder = tmp_path_factory.mktemp("cuts")
    first = write_shard(folder / NAME, head, 23, [whole])
    assert write_shard(folder / NAME, head, 23, parts) == first


def test_images_start_at_a_page_and_nothing_lies_between_them_and_the_start_but_metadata():
    layout = ShardLayout.plan(header("train", "single", "float32"), 1000)
    columns = layout.skeleton.columns
    assert [c.offset % 4096 for c in columns.values()] == [0, 0, 0, 0]
    assert [c.offset for c in columns.values()] == sorted(c.offset for c in columns.values())
    assert sum(len(segment) for segment in layout.skeleton.segments.values()) < 4096


def test_a_layout_of_a_million_million_rows_takes_no_memory():
    layout = ShardLayout.plan(header("train", "single", "float32"), 10**12)
    assert layout.size > 10**12 * 4 * int(np.prod(SHAPE))


def test_a_caller_may_fill_the_same_arrays_again(tmp_path):
    rng = np.random.default_rng(3)
    first, second = batch(rng, 4), batch(rng, 4)
    expected = np.concatenate([first.ids, second.ids])

    def stream():
        one = SanitizedBatch(
            *(c.copy() for c in (first.values, first.targets, first.ids, first.groups))
        )
        yield one
        one.ids[:] = second.ids
        yield one

    write_shard(tmp_path / NAME, header("train", "single", "float32"), 8, stream())
    with h5py.File(tmp_path / NAME) as file:
        np.testing.assert_array_equal(file["ids"][:], expected)


def test_rows_that_lie_otherwise_in_memory_are_written_the_same(tmp_path):
    one = batch(np.random.default_rng(4), 6)
    head = header("train", "single", "float32")
    first = write_shard(tmp_path / NAME, head, 6, [one])
    turned = replace(one, values=np.asfortranarray(one.values))
    assert write_shard(tmp_path / NAME, head, 6, [turned]) == first


@pytest.mark.parametrize("rows", [9, 11])
def test_another_number_of_rows_is_refused_and_leaves_nothing(tmp_path, rows):
    one = batch(np.random.default_rng(4), 10)
    with pytest.raises(ValueError, match="announced"):
        write_shard(tmp_path / NAME, header("train", "single", "float32"), rows, [one])
    assert list(tmp_path.iterdir()) == []


def test_a_shard_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="0 rows"):
        write_shard(tmp_path / NAME, header("train", "single", "float32"), 0, [])


def test_raw_images_are_refused(tmp_path):
    one = batch(np.random.default_rng(4), 3)
    raw = ImageBatch(one.values, one.targets, one.ids, one.groups)
    with pytest.raises(TypeError, match="SanitizedBatch only, not ImageBatch"):
        write_shard(tmp_path / NAME, header("train", "single", "float32"), 3, [raw])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"dtype": "float16"}, {"shape": (3, 6, 8)}, {"task": "multi"}])
def test_rows_of_another_type_or_shape_are_refused(tmp_path, change):
    one = batch(np.random.default_rng(4), 3, **change)
    with pytest.raises(ValueError, match="rows are"):
        write_shard(tmp_path / NAME, header("train", "single", "float32"), 3, [one])


def test_a_disk_too_small_is_refused_before_anything_is_computed(tmp_path):
    def stream():
        raise AssertionError("no row was to be asked for")
        yield

    head = header("train", "single", "float32")
    with pytest.raises(DpkitError, match=rf"{NAME}: not enough free disk space") as refused:
        write_shard(tmp_path / NAME, head, 10**12, stream())
    assert "free" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_the_system_refuses_names_file_and_bytes_and_leaves_nothing(tmp_path):
    script = f"""
import resource, signal, sys
import numpy as np
sys.path.insert(0, {str(__file__).rsplit("/release/", 1)[0]!r})
from pathlib import Path
from release.conftest import batch, header
from dpkit.errors import DpkitError
from dpkit.release.shards import write_shard
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
one = batch(np.random.default_rng(0), 100)
try:
    write_shard(Path({str(tmp_path / NAME)!r}), header("train", "single", "float32"), 100, [one])
except DpkitError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert f"cannot write {tmp_path / NAME}: File too large (" in done.stdout, done.stderr
    assert "bytes needed" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_what_a_killed_run_left_is_written_anew_and_a_waiting_link_is_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f".{NAME}.partial").symlink_to(outside)
    head = header("train", "single", "float32")
    write_shard(tmp_path / "data" / NAME, head, 3, [batch(np.random.default_rng(4), 3)])
    assert outside.read_text() == "mine"
    assert [path.name for path in (tmp_path / "data").iterdir()] == [NAME]


def test_an_interrupt_leaves_neither_shard_nor_partial(tmp_path):
    def stream():
        yield batch(np.random.default_rng(4), 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / NAME, header("train", "single", "float32"), 9, stream())
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_reading_side_is_not_called_a_write_error(tmp_path):
    def stream():
        yield batch(np.random.default_rng(4), 3)
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="the source is gone"):
        write_shard(tmp_path / NAME, header("train", "single", "float32"), 9, stream())


def test_our_reader_finds_what_the_writer_planned(tmp_path):
    head = header("train", "multi", "float16")
    write_shard(tmp_path / NAME, head, 3, [batch(np.random.default_rng(4), 3, "multi", "float16")])
    with (tmp_path / NAME).open("rb") as file:
        found = read_structure(file, (tmp_path / NAME).stat().st_size)
    assert found.columns == ShardLayout.plan(head, 3).skeleton.columns
    assert found.attributes == head.attributes()
