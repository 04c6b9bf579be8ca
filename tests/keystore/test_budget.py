"""The budget: what an image has cost over all releases is exact, and nobody overspends it."""

import hashlib
import hmac
import struct
import threading
from fractions import Fraction
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import IntegrityError, KeystoreMissingError, UsageError
from dpkit.keystore.backup import backup
from dpkit.keystore.budget import Budget
from dpkit.keystore.ledger import Ledger
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.types import Secret
from dpkit.types.guarantee import Guarantee

from . import twin
from .conftest import CHEAP, PASSPHRASE, by_passphrase

BATCH = np.random.default_rng(4).integers(0, 256, (6, 5, 4, 3), np.uint8)
ONE = Guarantee(Fraction(1), 1)
AWKWARD = [bytes(32), b"\1" + bytes(31), bytes(31) + b"\1", b"\xff" * 32]
some_marks = st.lists(st.sampled_from(AWKWARD), max_size=6)
guarantees = st.builds(
    Guarantee,
    st.fractions(min_value=Fraction(1, 1000), max_value=1000),
    st.integers(min_value=1, max_value=100),
)


@pytest.fixture(scope="module")
def fresh_budgets(tmp_path_factory):
    """Budgets, each of a keystore of its own."""
    folder = tmp_path_factory.mktemp("shared")
    unlock = Unlock(key_file=folder / "config" / "test.key", work=CHEAP)
    return (Budget(Keystore.create(folder / f"clinic-{i}.dpks", unlock)) for i in count())


@pytest.fixture
def budget(store):
    return Budget(store)


@pytest.fixture
def marks(budget):
    return budget.marks(BATCH)


def as_marks(texts):
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, 32)


def labels(store):
    return [entry.label for entry in store.entries() if entry.state != "destroyed"]


def object_of(store, label):
    return next(entry.object_id for entry in store.entries() if entry.label == label)


def sealed_by_hand(store, **changed):
    """Put an entry as another program might, with some of its members changed."""
    header = {
        "ledger": "budget", "sanitizer": "pixelate", "release_id": "r-1", "loss": "1/2",
        "secret": object_of(store, "budget secret"),
    }  # fmt: skip
    arrays = {"marks": as_marks(sorted(AWKWARD)), "times": np.ones(len(AWKWARD), np.int64)}
    header |= {name: value for name, value in changed.items() if isinstance(value, str)}
    arrays |= {name: value for name, value in changed.items() if not isinstance(value, str)}
    store.put("ledger", header, arrays, label="budget r-1")


def test_releases_of_one_image_add_up(budget, marks):
    budget.reserve("r-1", "pixelate", marks[:4], ONE)
    budget.reserve("r-2", "pixelate", marks[2:5], Guarantee(Fraction(1, 3), 1))
    third = Fraction(1, 3)
    assert budget.spent(marks) == (1, 1, 1 + third, 1 + third, third, 0)


def test_losses_of_other_neighbourhoods_are_added_by_the_pixel(budget, marks):
    budget.reserve("r-1", "pixelate", marks[:1], Guarantee(Fraction(2), 16))
    budget.reserve("r-2", "pixelate", marks[:1], Guarantee(Fraction(1, 2), 1))
    assert budget.spent(marks[:1]) == (Fraction(2, 16) + Fraction(1, 2),)


def test_an_image_that_stands_twice_in_a_release_costs_twice(budget, marks):
    budget.reserve("r-1", "pixelate", marks[[0, 1, 0, 0]], ONE)
    assert budget.spent(marks[:3]) == (3, 1, 0)


def test_releases_of_other_sanitizers_count_together(budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    budget.reserve("r-2", "blur", marks, ONE)
    assert budget.spent(marks) == (2,) * 6


@settings(max_examples=40, deadline=None)
@given(
    reserved=st.lists(st.tuples(some_marks, guarantees), max_size=5),
    asked=some_marks,
)
def test_totals_agree_with_a_plain_sum(fresh_budgets, reserved, asked):
    budget = next(fresh_budgets)
    for number, (texts, guarantee) in enumerate(reserved):
        budget.reserve(f"r-{number}", "pixelate", as_marks(texts), guarantee)
    for last in range(len(reserved)):
        expected = [
            sum((g.per_pixel * texts.count(mark) for texts, g in reserved[: last + 1]), Fraction(0))
            for mark in asked
        ]
        assert list(budget.spent(as_marks(asked), until=f"r-{last}")) == expected
        if last == len(reserved) - 1:
            assert list(budget.spent(as_marks(asked))) == expected


def test_what_was_reserved_later_does_not_count_until_a_release(budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    budget.reserve("r-2", "pixelate", marks, ONE)
    assert budget.spent(marks[:1], until="r-1") == (1,)
    assert budget.spent(marks[:1], until="r-2") == (2,)


def test_the_releases_that_hold_an_image_are_told(budget, marks):
    budget.reserve("r-1", "pixelate", marks[:2], ONE)
    budget.reserve("r-2", "pixelate", marks[1:], ONE)
    assert budget.history(marks[:1])[1] == ("r-1",)
    assert budget.history(marks[1:2])[1] == ("r-1", "r-2")
    assert budget.history(marks[:2])[0] == budget.spent(marks[:2])


def test_reserving_again_changes_nothing(store, budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    written = store.entries()
    budget.reserve("r-1", "pixelate", marks[::-1], ONE)
    assert store.entries() == written
    assert budget.spent(marks) == (1,) * 6


@pytest.mark.parametrize("what", ["images", "times", "loss", "sanitizer"])
def test_another_reservation_under_one_release_is_refused(store, budget, marks, what):
    budget.reserve("r-1", "pixelate", marks, ONE)
    written = store.entries()
    other = {
        "images": ("pixelate", marks[1:], ONE),
        "times": ("pixelate", marks[[0, 0, 1, 2, 3, 4, 5]], ONE),
        "loss": ("pixelate", marks, Guarantee(Fraction(1), 2)),
        "sanitizer": ("blur", marks, ONE),
    }[what]
    with pytest.raises(IntegrityError, match="other images or another loss"):
        budget.reserve("r-1", *other)
    assert store.entries() == written


def test_a_withdrawn_reservation_costs_nothing(store, budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    budget.withdraw("r-1")
    budget.withdraw("r-9")
    assert budget.spent(marks) == (0,) * 6
    assert budget.reservation("r-1") is None
    assert labels(store) == ["budget secret"]


def test_a_reservation_is_sealed_as_the_page_says(store, budget, marks):
    budget.reserve("r-1", "pixelate", marks[[1, 0, 1]], Guarantee(Fraction("0.25"), 2))
    sealed = store.get(object_of(store, "budget r-1"), "ledger")
    assert sealed.settings == {
        "ledger": "budget",
        "sanitizer": "pixelate",
        "release_id": "r-1",
        "loss": "1/8",
        "secret": object_of(store, "budget secret"),
    }
    order = sorted([(marks[0].tobytes(), 1), (marks[1].tobytes(), 2)])
    assert [row.tobytes() for row in sealed.array("marks")] == [mark for mark, _ in order]
    assert sealed.array("times").tolist() == [times for _, times in order]


def test_a_mark_is_what_the_page_says_and_no_ledgers(store, budget):
    secret = store.get(object_of(store, "budget secret"), "ledger").array("secret").tobytes()
    key = twin.derive(secret, b"ledger mark", b"budget")
    message = struct.pack(">4I", 8, 5, 4, 3) + BATCH[0].tobytes()
    assert budget.mark(BATCH[0]) == hmac.digest(key, message, hashlib.sha256)
    assert Ledger(store, "mix").mark(BATCH[0]) != budget.mark(BATCH[0])


def test_two_stores_that_race_have_one_secret_and_one_order(store, by_key_file):
    """Each sees those before it: exactly as many fit as the limit allows, whoever is fastest."""
    totals, start = {}, threading.Barrier(4)

    def work(name):
        mine = Budget(Keystore.open(store.path, by_key_file))
        start.wait()
        mine.reserve(name, "pixelate", mine.marks(BATCH), ONE)
        totals[name] = mine.spent(mine.marks(BATCH), until=name)[0]

    threads = [threading.Thread(target=work, args=(f"r-{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(totals.values()) == [1, 2, 3, 4]
    assert labels(store).count("budget secret") == 1


def test_who_was_second_to_reserve_a_release_is_held_to_the_first(
    store, budget, marks, monkeypatch
):
    budget.reserve("r-1", "pixelate", marks, ONE)
    monkeypatch.setattr(Budget, "reservation", lambda *_: None)  # it looked before the first put
    budget.reserve("r-1", "pixelate", marks, ONE)
    with pytest.raises(IntegrityError, match="other images"):
        budget.reserve("r-1", "pixelate", marks[:3], ONE)
    assert labels(store) == ["budget secret", "budget r-1"]


def test_the_second_entry_of_a_killed_run_counts_once(store, budget):
    for _ in range(2):
        sealed_by_hand(store)
    assert budget.spent(as_marks(AWKWARD[:1])) == (Fraction(1, 2),)


def test_a_copy_of_the_keystore_knows_what_was_spent(store, tmp_path, budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    store.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    backup(store, tmp_path / "copy.dpks")
    restored = Budget(Keystore.open(tmp_path / "copy.dpks", by_passphrase()))
    assert restored.spent(restored.marks(BATCH)) == (1,) * 6


def test_a_retired_reservation_counts(store, budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    store.retire(object_of(store, "budget r-1"))
    assert budget.spent(marks[:1]) == (1,)


def test_without_the_secret_of_its_reservations_no_budget_is_opened(store, budget, marks):
    budget.reserve("r-1", "pixelate", marks, ONE)
    store.destroy(object_of(store, "budget secret"))
    with pytest.raises(KeystoreMissingError, match="would not be known again"):
        Budget(store)


def test_a_reservation_under_another_secret_is_refused(store, budget, marks):
    sealed_by_hand(store, secret="0" * 27)
    with pytest.raises(KeystoreMissingError, match="would not be known again"):
        budget.spent(marks)


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": "0/1"},
        {"loss": "2/4"},
        {"loss": "-1/2"},
        {"loss": "0.5"},
        {"loss": "1/2\n"},
        {"times": np.zeros(4, np.int64)},
        {"times": np.ones(3, np.int64)},
        {"times": np.ones(4, np.int32)},
        {"marks": as_marks(AWKWARD[::-1])},
        {"release_id": "r-2"},
        {"ledger": "mix"},
        {"others": np.zeros(1, np.uint8)},
        {"epsilon": "1"},
    ],
    ids=str,
)
def test_a_reservation_that_is_not_as_the_page_says_is_refused(store, budget, marks, changed):
    sealed_by_hand(store, **changed)
    for use in (
        lambda: budget.spent(marks),
        lambda: budget.reservation("r-1"),
        lambda: budget.history(marks),
    ):
        with pytest.raises(IntegrityError, match="its label says"):
            use()


@pytest.mark.parametrize("name", ["", "a b", "secret", "x" * 61])
def test_a_release_whose_name_cannot_be_a_label_is_refused(store, budget, marks, name):
    with pytest.raises(UsageError):
        budget.reserve(name, "pixelate", marks, ONE)
    assert labels(store) == ["budget secret"]


def test_the_repr_hides(store, budget):
    assert repr(budget) == f"<Budget of budget in keystore {store.uuid}: hidden>"
