import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.keystore.ids import ALPHABET, new_object_id, parse_object_id

ids = st.integers(0, 99).map(lambda _: new_object_id())
places = st.integers(0, 26)


def test_new_ids_differ_and_check():
    drawn = {new_object_id() for _ in range(200)}
    assert len(drawn) == 200
    assert all(parse_object_id(text) == text and len(text) == 27 for text in drawn)


def test_the_check_character_is_the_remainder_of_the_polynomial():
    """By hand: a 1 in the last place is doubled once, in the place before it twice."""
    assert parse_object_id("0" * 25 + "1" + "2")
    assert parse_object_id("0" * 24 + "10" + "4")


@given(ids, places, st.sampled_from(ALPHABET))
def test_one_wrong_character_is_caught(text, place, character):
    if text[place] == character:
        return
    with pytest.raises(UsageError):
        parse_object_id(text[:place] + character + text[place + 1 :])


@given(ids, st.just(25), st.just(26))
def test_an_exchange_with_the_check_character_is_caught(text, a, b):
    test_two_exchanged_characters_are_caught.hypothesis.inner_test(text, a, b)


@given(ids, places, places)
def test_two_exchanged_characters_are_caught(text, a, b):
    if text[a] == text[b]:
        return
    swapped = list(text)
    swapped[a], swapped[b] = text[b], text[a]
    with pytest.raises(UsageError):
        parse_object_id("".join(swapped))


def test_capitals_hyphens_and_lookalikes_are_read_as_meant():
    text = "0" * 24 + "10" + "4"
    spoken = text.upper().replace("1", "I").replace("0", "O", 3)
    assert parse_object_id(f" {spoken[:9]}-{spoken[9:]}\n") == text
    assert parse_object_id(text.replace("1", "l")) == text


@pytest.mark.parametrize(
    "text", ["", "abc", "u" * 27, "0" * 28, "é" * 27, "../../../etc/passwd/object"]
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(UsageError, match="dpkit keys list"):
        parse_object_id(text)
