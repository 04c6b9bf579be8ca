import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from dpkit.errors import UsageError
from dpkit.keystore.slots import (
    RECOMMENDED,
    WorkFactors,
    check_room,
    key_file_slot,
    normalized,
    parse_slot,
    passphrase_slot,
    unwrap,
)
from dpkit.types import Secret

from .conftest import CHEAP

MASTER = Secret(b"m" * 32)
UUID = "dece2258-f43f-4c36-9bac-39c723f9eeeb"


def test_the_work_factors_are_those_of_the_document():
    assert WorkFactors(memory_kib=256 * 1024, passes=3, lanes=4) == RECOMMENDED


def test_argon2id_gives_the_tag_of_rfc_9106_section_5_3():
    kdf = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    )
    tag = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert kdf.derive(b"\x01" * 32).hex() == tag


def test_a_slot_opens_by_its_secret_alone():
    for slot in (
        key_file_slot(MASTER, Secret(b"k" * 32), UUID),
        passphrase_slot(MASTER, Secret(b"long enough"), UUID, CHEAP),
    ):
        right = b"long enough" if slot.work else b"k" * 32
        assert unwrap(slot, Secret(right), UUID) == MASTER
        assert unwrap(slot, Secret(right[:-1] + b"x"), UUID) is None
        assert unwrap(slot, Secret(right), UUID.replace("d", "e")) is None
        assert parse_slot(slot.to_json(), "x") == slot


def test_a_slot_says_nothing_of_the_master_key_or_the_secret():
    slot = passphrase_slot(MASTER, Secret(b"long enough"), UUID, CHEAP)
    assert b"long enough" not in repr(slot).encode()
    assert MASTER.reveal() not in slot.wrapped


def test_the_same_passphrase_typed_on_two_systems_is_one():
    assert normalized("e\u0301te\u0301 2026") == normalized("\u00e9t\u00e9 2026")


@pytest.mark.parametrize("text", ["", "x" * 1025, "\udc80 not text"])
def test_a_passphrase_that_cannot_be_is_refused(text):
    with pytest.raises(UsageError, match="passphrase"):
        normalized(text)


def test_a_short_passphrase_makes_no_slot():
    with pytest.raises(UsageError, match="at least 8"):
        passphrase_slot(MASTER, Secret("éééé".encode()), UUID, CHEAP)


def test_a_ninth_passphrase_and_a_65th_slot_have_no_room():
    by_key = key_file_slot(MASTER, Secret(b"k" * 32), UUID)
    by_word = passphrase_slot(MASTER, Secret(b"long enough"), UUID, CHEAP)
    check_room((by_word,) * 8, by_key)
    for slots, new in (((by_word,) * 8, by_word), ((by_key,) * 64, by_key)):
        with pytest.raises(UsageError, match="remove-slot"):
            check_room(slots, new)
