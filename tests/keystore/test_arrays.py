import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dpkit.errors import IntegrityError, UsageError
from dpkit.keystore.arrays import DTYPES, assemble, head_length, lay_out, parse_head

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,20}", fullmatch=True)
tensors = st.sampled_from(sorted(DTYPES.values())).flatmap(
    lambda code: hnp.arrays(np.dtype(code), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)


def written(sets, arrays):
    return b"".join(lay_out(sets, arrays).pieces())


def read(payload):
    length = head_length(payload[:8], len(payload), "x")
    found, specs = parse_head(payload[8 : 8 + length], len(payload), "x")
    arrays = {n: assemble(s, [memoryview(payload)[s.start : s.stop]]) for n, s in specs.items()}
    return found, arrays


def refused(document, body=b""):
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    payload = struct.pack("<Q", len(head)) + head + body
    with pytest.raises(IntegrityError):
        read(payload)


@settings(deadline=None)
@given(st.dictionaries(names, tensors, max_size=4))
def test_arrays_come_back_and_the_safetensors_package_agrees(arrays):
    payload = written({"a": 1}, arrays)
    found, ours = read(payload)
    theirs = safetensors.numpy.load(payload)
    assert found == {"a": 1}
    assert set(ours) == set(theirs) == set(arrays)
    for name, array in arrays.items():
        assert ours[name].dtype == theirs[name].dtype == array.dtype
        assert ours[name].shape == theirs[name].shape == array.shape
        assert ours[name].tobytes() == theirs[name].tobytes() == array.tobytes()


@settings(deadline=None)
@given(st.dictionaries(names, tensors.filter(lambda a: a.size), max_size=4))
def test_what_the_safetensors_package_writes_is_read(arrays):
    plain = {name: np.array(array, order="C") for name, array in arrays.items()}
    _, ours = read(safetensors.numpy.save(plain, metadata={"dpkit": "{}"}))
    assert {n: a.tobytes() for n, a in ours.items()} == {n: a.tobytes() for n, a in plain.items()}


def test_arrays_of_another_order_or_byte_order_are_stored_alike():
    array = np.arange(12, dtype=np.float64).reshape(3, 4)
    for other in (np.asfortranarray(array), array.astype(">f8"), np.repeat(array, 2, 1)[:, ::2]):
        assert written({}, {"a": other}) == written({}, {"a": array})


def test_wide_items_lie_on_their_own_multiples():
    payload = written({}, {"a": np.zeros(3, "u1"), "b": np.zeros(2), "c": np.zeros(1, "<u2")})
    _, specs = parse_head(
        payload[8 : 8 + head_length(payload[:8], len(payload), "x")], len(payload), "x"
    )
    assert all(spec.start % spec.dtype.itemsize == 0 for spec in specs.values())


def test_settings_keep_every_text_even_names_that_are_no_unicode():
    sets = {"paths": ["a\udc80.png", "é", '"\\'], "deep": {"x": [1.5, None, True]}}
    assert read(written(sets, {}))[0] == sets


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("", np.zeros(1)),
        ("__metadata__", np.zeros(1)),
        ("a b", np.zeros(1)),
        ("x" * 129, np.zeros(1)),
        ("a", np.zeros(1, complex)),
        ("a", np.array(["text"])),
        ("a", np.array([None])),
        ("a", np.zeros((1,) * 9)),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(name, array):
    with pytest.raises(UsageError):
        lay_out({}, {name: array})


META = {"dpkit": "{}"}
SPEC = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [5]},
        {"shape": [-4]},
        {"shape": [2**62, 0]},
        {"shape": [1] * 9},
        {"shape": [4.0]},
        {"shape": [True]},
        {"shape": 4},
        {"dtype": "F64"},
        {"dtype": "O"},
        {"data_offsets": [0]},
        {"data_offsets": []},
        {"data_offsets": [4, 0]},
        {"data_offsets": [1, 5]},
        {"data_offsets": [0, 2**41]},
        {"data_offsets": [0, 4, 4]},
        {"more": 1},
    ],
    ids=str,
)
def test_an_array_whose_numbers_lie_is_refused(change):
    refused({"__metadata__": META, "a": {**SPEC, **change}}, bytes(4))


def test_a_head_that_is_no_head_is_refused():
    for head in (
        b"",
        b"[]",
        b"{",
        b'{"a":1}',
        b"null",
        b"\xff",
        b"[" * 5000,
        b'{"__metadata__":{}}',
    ):
        refused(head)
    refused({"__metadata__": {"dpkit": "[]"}})
    refused({"__metadata__": {"dpkit": "{", "more": ""}})
    refused(b'{"__metadata__":{"dpkit":"{}"},"__metadata__":{"dpkit":"{}"}}')
    refused({"__metadata__": META, "bad name": SPEC}, bytes(4))


def test_arrays_that_overlap_leave_a_gap_or_end_early_are_refused():
    second = {**SPEC, "data_offsets": [4, 8]}
    assert read_names({"a": SPEC, "b": second}, 8) == {"a", "b"}
    refused({"__metadata__": META, "a": SPEC, "b": SPEC}, bytes(4))
    refused({"__metadata__": META, "a": SPEC, "b": {**SPEC, "data_offsets": [5, 9]}}, bytes(9))
    refused({"__metadata__": META, "a": SPEC}, bytes(5))
    refused({"__metadata__": META, "a": SPEC}, bytes(3))


def read_names(arrays, n):
    head = json.dumps({"__metadata__": META, **arrays}).encode()
    return set(read(struct.pack("<Q", len(head)) + head + bytes(n))[1])


@pytest.mark.parametrize("length", [3, 2**24 + 1, 2**63])
def test_a_head_over_the_payload_or_its_limit_is_refused(length):
    with pytest.raises(IntegrityError):
        head_length(struct.pack("<Q", length), 10, "x")
    with pytest.raises(IntegrityError):
        head_length(b"short", 5, "x")


@given(st.binary(max_size=80))
def test_random_heads_never_do_anything_but_parse_or_be_refused(data):
    try:
        found, _ = read(struct.pack("<Q", len(data)) + data)
    except IntegrityError:
        return
    assert isinstance(found, dict)
