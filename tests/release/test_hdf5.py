"""The strict reader agrees with the HDF5 library on ours, and refuses everything else."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import IntegrityError
from dpkit.release.columns import open_columns
from dpkit.release.hdf5 import read_structure
from dpkit.release.hdf5_plan import plan_file
from dpkit.release.lookup3 import lookup3
from dpkit.release.manifest import Manifest
from dpkit.release.shards import ShardLayout

from .conftest import header

LAYOUT = ShardLayout.plan(header("train", "single", "float32"), 4)


def blank():
    content = bytearray(LAYOUT.size)
    for start, segment in LAYOUT.skeleton.segments.items():
        content[start : start + len(segment)] = segment
    return content


def read(content):
    return read_structure(io.BytesIO(bytes(content)), len(content))


def resealed(content):
    """Recompute every checksum, as a hostile writer would."""
    content[44:48] = lookup3(bytes(content[:44])).to_bytes(4, "little")
    for start, segment in LAYOUT.skeleton.segments.items():
        if segment[:4] == b"OHDR":
            width = 1 << (segment[5] & 3)
            end = start + 6 + width + int.from_bytes(segment[6 : 6 + width], "little")
            content[end : end + 4] = lookup3(bytes(content[start:end])).to_bytes(4, "little")
    return content


@pytest.mark.parametrize(
    ("text", "hash_"),
    [(b"", 0xDEADBEEF), (b"Four score and seven years ago", 0x17770551)],
)
def test_lookup3_gives_the_numbers_of_its_authors_self_test(text, hash_):
    assert lookup3(text) == hash_


@settings(max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    dtype=st.sampled_from(["<f2", "<f4", "|u1", "<u2", "<i8", "|S26", "|S1"]),
    text=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=90),
)
def test_the_reader_agrees_with_h5py(shape, dtype, text):
    skeleton = plan_file({"a": text}, {"one": (np.dtype(dtype), tuple(shape))})
    content = bytearray(skeleton.size)
    for start, segment in skeleton.segments.items():
        content[start : start + len(segment)] = segment
    found = read(content)
    with h5py.File(io.BytesIO(bytes(content))) as file:
        column = found.columns["one"]
        dataset = file["one"]
        assert (column.dtype, column.shape) == (dataset.dtype, dataset.shape)
        assert column.offset == dataset.id.get_offset()
        assert found.attributes == {"a": file.attrs["a"].decode()}


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_change_of_the_metadata_breaks_the_reader(data):
    """Even with right checksums it answers with a structure inside the file, or refuses."""
    content = blank()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.sampled_from(sorted(LAYOUT.skeleton.segments)))
        within = data.draw(st.integers(0, len(LAYOUT.skeleton.segments[start]) - 1))
        content[start + within] = data.draw(st.sampled_from([0, 1, 2, 3, 16, 127, 128, 255]))
    try:
        found = read(resealed(content))
    except IntegrityError:
        return
    for column in found.columns.values():
        assert 0 <= column.offset <= column.offset + column.bytes <= len(content)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(content):
    with pytest.raises(IntegrityError):
        read(b"\x89HDF\r\n\x1a\n" + content)


def test_every_single_byte_of_the_metadata_is_guarded():
    """Without new checksums any change is refused, but in the unused end of a header."""
    whole = read(blank())
    for start, segment in LAYOUT.skeleton.segments.items():
        for within in range(len(segment)):
            content = blank()
            content[start + within] ^= 0x5A
            try:
                found = read(content)
            except IntegrityError:
                continue
            assert found == whole


@pytest.mark.parametrize("size", [0, 7, 47, 48, 4096, 5000, 12288, LAYOUT.size - 1])
def test_a_truncated_file_is_refused(size):
    with pytest.raises(IntegrityError):
        read(blank()[:size])


def test_bytes_behind_the_end_are_refused():
    with pytest.raises(IntegrityError, match="should be"):
        read(blank() + b"\0")


def soft_link(file):
    file["images"] = h5py.SoftLink("/labels")


def external_link(file):
    file["images"] = h5py.ExternalLink("other.h5", "/images")


def compressed(file):
    file.create_dataset("images", data=np.zeros((4, 4)), compression="gzip", track_times=False)


def chunked(file):
    file.create_dataset("images", data=np.zeros((4, 4)), chunks=(2, 2), track_times=False)


def compact(file):
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((4,))
    h5py.h5d.create(file.id, b"images", h5py.h5t.NATIVE_INT8, space, creation)


def external_storage(file):
    file.create_dataset("images", (4,), "u1", external=[("/etc/hostname", 0, 4)], track_times=False)


def resizable(file):
    file.create_dataset("images", (4,), "u1", maxshape=(None,), track_times=False)


def big_endian(file):
    file.create_dataset("images", data=np.zeros(4, ">f4"), track_times=False)


def compound(file):
    file.create_dataset("images", data=np.zeros(4, [("a", "f4")]), track_times=False)


def variable_text(file):
    file.create_dataset("images", (4,), h5py.string_dtype(), track_times=False)


def named_type(file):
    file["type"] = np.dtype("f4")
    file.create_dataset("images", (4,), file["type"], track_times=False)


def timed(file):
    file.create_dataset("images", data=np.zeros(4), track_times=True)


def subgroup(file):
    file.create_group("images")


def many_attributes(file):
    for k in range(20):
        file.attrs[f"a{k}"] = np.bytes_(b"x")


def number_attribute(file):
    file.attrs["version"] = 1


def never_allocated(file):
    file.create_dataset("images", (4,), "u1", track_times=False)


HOSTILE = (
    soft_link,
    external_link,
    compressed,
    chunked,
    compact,
    external_storage,
    resizable,
    big_endian,
    compound,
    variable_text,
    named_type,
    timed,
    subgroup,
    many_attributes,
    number_attribute,
    never_allocated,
)


@pytest.mark.parametrize("version", ["v108", "latest"])
@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_other_hdf5_is_refused(make, version):
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=(version, version)) as file:
        try:
            make(file)
        except ValueError:  # a chunk shape is needed to grow
            file.create_dataset("images", (4,), "u1", maxshape=(None,), chunks=(4,))
    with pytest.raises(IntegrityError):
        read(memory.getvalue())


def test_the_oldest_hdf5_is_refused():
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver="earliest") as file:
        file["images"] = np.zeros(4)
    with pytest.raises(IntegrityError, match="superblock"):
        read(memory.getvalue())


def test_a_header_that_continues_in_itself_ends():
    content = blank()
    root = next(s for s, b in LAYOUT.skeleton.segments.items() if b[:4] == b"OHDR")
    # the first message becomes a continuation that points back at the header
    content[root + 7 : root + 11] = bytes([0x10, 18, 0, 0])
    content[root + 11 : root + 27] = root.to_bytes(8, "little") + (100).to_bytes(8, "little")
    with pytest.raises(IntegrityError):
        read(resealed(content))


def test_columns_are_what_h5py_reads(built):
    manifest = Manifest.from_json((built / "manifest.json").read_bytes())
    for shard in manifest.shards:
        columns = open_columns(built / shard.file, manifest)
        with h5py.File(built / shard.file) as file:
            np.testing.assert_array_equal(columns.values(), file["images"][:])
            np.testing.assert_array_equal(columns.labels, file["labels"][:])
            np.testing.assert_array_equal(columns.ids, file["ids"][:])
            np.testing.assert_array_equal(columns.groups, file["groups"][:])


def test_mapped_values_cannot_be_changed(built):
    manifest = Manifest.from_json((built / "manifest.json").read_bytes())
    values = open_columns(built / manifest.shards[0].file, manifest).values()
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 0


def test_a_shard_of_another_part_or_name_is_refused(release):
    manifest = Manifest.from_json((release / "manifest.json").read_bytes())
    first, last = manifest.shards[0], manifest.shards[-1]
    with pytest.raises(IntegrityError, match="not a shard of release"):
        open_columns(release / "data" / "other.h5", manifest)
    (release / last.file).write_bytes((release / first.file).read_bytes()[: last.bytes])
    with pytest.raises(IntegrityError, match=last.file):
        open_columns(release / last.file, manifest)


def test_a_shard_that_is_no_plain_file_is_refused(release):
    manifest = Manifest.from_json((release / "manifest.json").read_bytes())
    path = release / manifest.shards[0].file
    path.rename(release / "elsewhere")
    path.symlink_to(release / "elsewhere")
    with pytest.raises(IntegrityError, match="no plain file"):
        open_columns(path, manifest)
    path.unlink()
    with pytest.raises(IntegrityError, match="cannot be opened"):
        open_columns(path, manifest)
