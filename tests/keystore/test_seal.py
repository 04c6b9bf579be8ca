import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import IntegrityError
from dpkit.keystore.arrays import lay_out
from dpkit.keystore.seal import CHUNK_BYTES, ObjectHeader, SealedBytes, overwrite_wrap, seal
from dpkit.types import Secret

MASTER = Secret(b"m" * 32)
UUID = "dece2258-f43f-4c36-9bac-39c723f9eeeb"
ID = "0" * 25 + "11"


def header(size, chunk_bytes=64):
    return ObjectHeader(UUID, ID, "ledger", "", "2026-01-01T00:00:00Z", size, chunk_bytes)


def sealed_file(path, pieces, chunk_bytes=64):
    with path.open("wb") as file:
        seal(file, header(sum(map(len, pieces)), chunk_bytes), map(memoryview, pieces), MASTER)
    return SealedBytes(path, MASTER)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=150), max_size=5), st.data())
def test_any_bytes_in_any_division_come_back_whole_and_by_range(tmp_path_factory, pieces, data):
    whole = b"".join(pieces)
    opened = sealed_file(tmp_path_factory.mktemp("seal") / "x.dpk", pieces)
    opened.verify()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert b"".join(opened.read(0, len(whole))) == whole
    assert b"".join(opened.read(start, stop)) == whole[start:stop]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 128, 129])
def test_the_file_has_the_length_that_the_document_says(tmp_path, size):
    opened = sealed_file(tmp_path / "x.dpk", [bytes(size)])
    n_chunks = max(1, -(-size // 64))
    assert (tmp_path / "x.dpk").stat().st_size == len(opened._head) + size + 16 * n_chunks


def test_a_range_opens_only_the_chunks_that_it_touches(tmp_path):
    """A damaged chunk is no obstacle to its neighbours, and none to itself unless it is asked."""
    path = tmp_path / "x.dpk"
    content = bytes(range(256))
    opened = sealed_file(path, [content])
    data = bytearray(path.read_bytes())
    data[len(opened._head) + 80 + 5] ^= 1  # in chunk 1: bytes 64 to 128
    path.write_bytes(data)
    assert b"".join(opened.read(0, 64)) == content[:64]
    assert b"".join(opened.read(128, 256)) == content[128:]
    for start, stop in ((60, 65), (64, 65), (127, 129), (0, 256)):
        with pytest.raises(IntegrityError, match="chunk 1"):
            b"".join(opened.read(start, stop))


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 2), (0, 11)])
def test_a_range_outside_the_payload_is_refused(tmp_path, start, stop):
    opened = sealed_file(tmp_path / "x.dpk", [bytes(10)])
    with pytest.raises(IntegrityError):
        list(opened.read(start, stop))


@pytest.mark.parametrize("given_bytes", [9, 11, 70])
def test_bytes_other_than_announced_are_never_sealed(given_bytes):
    with pytest.raises(ValueError, match="header says 10"):
        seal(io.BytesIO(), header(10), [memoryview(bytes(given_bytes))], MASTER)


def test_the_same_payload_sealed_twice_shares_no_secret_bytes(tmp_path):
    heads = [sealed_file(tmp_path / name, [bytes(64)])._head for name in "ab"]
    bodies = [(tmp_path / name).read_bytes()[-80:] for name in "ab"]
    assert heads[0][-60:] != heads[1][-60:]
    assert bodies[0] != bodies[1]


def test_another_master_key_opens_nothing(tmp_path):
    sealed_file(tmp_path / "x.dpk", [b"secret"])
    with pytest.raises(IntegrityError, match="header"):
        SealedBytes(tmp_path / "x.dpk", Secret(b"n" * 32))


def test_an_overwritten_wrap_leaves_nothing_that_the_master_key_opens(tmp_path):
    path = tmp_path / "x.dpk"
    opened = sealed_file(path, [bytes(200)])
    before = path.read_bytes()
    overwrite_wrap(path)
    after, head = path.read_bytes(), len(opened._head)
    assert after[head:] == before[head:]
    assert after[head - 60 : head] != before[head - 60 : head]
    for damaged in (after, before[: head - 60] + after[head - 60 :]):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError):
            SealedBytes(path, MASTER)


@pytest.mark.parametrize("rest", [b"", b"short", bytes(14), b"\xff" * 14])
def test_the_wrap_of_a_damaged_object_is_overwritten_too(tmp_path, rest):
    path = tmp_path / "x.dpk"
    path.write_bytes(rest)
    overwrite_wrap(path)
    assert path.stat().st_size >= 74


def test_64_mib_pass_in_pieces_of_one_chunk_without_a_copy_of_the_array(tmp_path):
    """Sealing takes views of the array; reading gives one chunk at a time."""
    array = np.zeros(8 * 1024 * 1024)
    array[::1000] = np.arange(len(array[::1000]))
    payload = lay_out({}, {"matrix": array})
    assert np.shares_memory(np.frombuffer(list(payload.pieces())[1], np.float64), array)
    head = header(payload.size, CHUNK_BYTES)
    path = tmp_path / "x.dpk"
    with path.open("wb") as file:
        seal(file, head, payload.pieces(), MASTER)
    opened, seen = SealedBytes(path, MASTER), 0
    flat = array.view(np.uint8)
    for piece in opened.read(len(payload.head), payload.size):
        assert len(piece) <= CHUNK_BYTES
        assert np.array_equal(np.frombuffer(piece, np.uint8), flat[seen : seen + len(piece)])
        seen += len(piece)
    assert seen == array.nbytes == 64 * 1024 * 1024
