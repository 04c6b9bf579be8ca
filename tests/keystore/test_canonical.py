import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import IntegrityError, UsageError
from dpkit.keystore.canonical import (
    Fields,
    canonical,
    check_label,
    check_mac,
    parse,
    with_mac,
)
from dpkit.types import Secret

KEY = Secret(b"k" * 32)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
documents = st.dictionaries(st.text(), values, max_size=4)


@given(documents)
def test_what_is_written_is_read_back(document):
    assert parse(canonical(document), "x") == document


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_or_are_the_one_form(data):
    try:
        document = parse(data, "x")
    except IntegrityError:
        return
    assert canonical(document) == data


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":2}', '{"a":1.0e0}', '{"a":"é"}', '{"a":Infinity}'],
)
def test_another_form_of_a_document_is_refused(text):
    assert isinstance(json.loads(text), dict)
    with pytest.raises(IntegrityError, match="canonical"):
        parse(text.encode(), "x")


@given(documents.filter(lambda d: "mac" not in d))
def test_a_mac_holds_for_its_document_and_key_alone(document):
    signed = parse(with_mac(document, KEY), "x")
    assert check_mac(signed, KEY, "x") == document
    with pytest.raises(IntegrityError):
        check_mac(signed, Secret(b"l" * 32), "x")
    with pytest.raises(IntegrityError):
        check_mac({**signed, "added": 1}, KEY, "x")


@pytest.mark.parametrize("mac", [None, 1, "", "é", "0" * 64])
def test_a_mac_of_another_type_or_text_is_refused(mac):
    with pytest.raises(IntegrityError):
        check_mac({"a": 1, "mac": mac}, KEY, "x")


def test_fields_take_each_value_within_its_limits():
    fields = Fields({"t": "ab", "n": 3, "f": True, "h": "0aff", "i": [1, 2]}, "t n f h i", "x")
    assert (fields.text("t", "[ab]+"), fields.number("n", 3, 3), fields.flag("f")) == (
        "ab",
        3,
        True,
    )
    assert (fields.hexadecimal("h", 2), fields.numbers("i", 2, 2)) == (b"\x0a\xff", [1, 2])
    refused = [
        lambda: fields.text("t", "a"),
        lambda: fields.text("n", ".*"),
        lambda: fields.number("n", 4, 9),
        lambda: fields.number("f", 0, 1),
        lambda: fields.flag("n"),
        lambda: fields.hexadecimal("h", 1),
        lambda: fields.items("i", 1),
        lambda: fields.numbers("i", 2, 1),
    ]
    for take in refused:
        with pytest.raises(IntegrityError):
            take()


@pytest.mark.parametrize("document", [None, [], {"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_missing_and_unknown_members_are_refused(document):
    with pytest.raises(IntegrityError, match="exactly the members a b"):
        Fields(document, "a b", "x")


def test_a_label_is_short_printable_ascii():
    check_label("morph, 2026 (clinic)")
    for label in ("x" * 65, "é", "a\nb"):
        with pytest.raises(UsageError):
            check_label(label)
