from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.readers.scan import Scan
from dpkit.readers.targets import are_measures, encode_targets


def scan_of(*cells, task="single", names=("label",), label_sep=None):
    """A scan with these raw labels, each a string or a tuple of them."""
    labels = tuple(cell if isinstance(cell, tuple) else (cell,) for cell in cells)
    n = len(labels)
    return Scan(
        root=Path("images"),
        paths=tuple(f"{i}.png" for i in range(n)),
        sha256=np.zeros((n, 32), np.uint8),
        sizes=np.ones((n, 2), np.int32),
        channels=np.ones(n, np.uint8),
        depths=np.full(n, 8, np.uint8),
        task=task,
        labels=None if task == "none" else labels,
        label_names=names,
        parts=None,
        groups=None,
        kept={},
        bad=(),
        skipped=0,
        notices=(),
        label_sep=label_sep,
    )


def encoded(*cells, known=(), added=(), **options):
    targets = encode_targets(scan_of(*cells, **options), known, added)
    return targets.values.tolist(), targets.classes


def test_names_are_numbered_in_their_sorted_order():
    assert encoded("dog", "cat", "dog") == ([1, 0, 1], ((0, "cat"), (1, "dog")))


def test_integer_labels_keep_their_own_numbers_and_never_the_order_of_strings():
    assert encoded("10", "2", "7") == ([10, 2, 7], ((2, "2"), (7, "7"), (10, "10")))


def test_integers_that_a_table_wrote_as_floats_are_integers():
    assert encoded("3.0", "3", "0.00") == ([3, 3, 0], ((0, "0"), (3, "3")))


def test_single_targets_are_int64_and_images_without_labels_have_minus_one():
    assert encode_targets(scan_of("a")).values.dtype == np.int64
    assert encoded("", "", task="none") == ([-1, -1], ())


@pytest.mark.parametrize(
    ("cells", "words"),
    [(("-1", "1"), "class -1"), ((str(2**31), "1"), "2147483648"), (("01", "1"), "same number 1")],
)
def test_integers_that_cannot_be_class_numbers_are_refused(cells, words):
    with pytest.raises(UsageError, match=words):
        encoded(*cells)


def test_more_classes_than_the_limit_are_refused():
    with pytest.raises(UsageError, match="65537 classes"):
        encoded(*(f"c{n}" for n in range(65537)))


KNOWN = ((0, "cat"), (1, "dog"))


def test_a_known_class_keeps_its_number_whatever_else_there_is():
    assert encoded("dog", "dog", known=KNOWN) == ([1, 1], KNOWN)


def test_an_unknown_class_is_refused_with_the_option_that_adds_it():
    with pytest.raises(UsageError, match="'ant' and 1 more; say --add-class 'ant'"):
        encoded("bee", "cat", "ant", known=KNOWN)


def test_an_added_class_gets_the_next_number_though_its_name_sorts_first():
    assert encoded("ant", "dog", known=KNOWN, added=("ant",)) == ([2, 1], (*KNOWN, (2, "ant")))


def test_a_class_added_twice_or_known_already_changes_nothing():
    assert encoded("cat", known=KNOWN, added=("cat", "ant", "ant"))[1] == (*KNOWN, (2, "ant"))


def test_an_added_integer_among_integers_keeps_its_own_number():
    known = ((2, "2"), (7, "7"))
    assert encoded("5", known=known, added=("5",)) == ([5], (*known, (5, "5")))


def test_adding_a_class_without_a_key_is_refused():
    with pytest.raises(UsageError, match="--key"):
        encoded("a", added=("b",))


@pytest.mark.parametrize("task", ["none", "regression"])
def test_a_key_with_classes_refuses_images_that_have_none(task):
    with pytest.raises(UsageError, match="2 classes"):
        encoded("1", known=KNOWN, task=task)


def test_cells_of_several_labels_become_one_column_a_class():
    values, classes = encoded("b|a", "No Finding", "", " a | a ", task="multi", label_sep="|")
    assert classes == ((0, "No Finding"), (1, "a"), (2, "b"))
    assert values == [[0, 1, 1], [1, 0, 0], [255, 255, 255], [0, 1, 0]]
    assert encode_targets(scan_of("a", task="multi", label_sep="|")).values.dtype == np.uint8


def test_integer_names_in_cells_are_ordered_as_numbers():
    assert encoded("10|9", task="multi", label_sep="|")[1] == ((0, "9"), (1, "10"))


def test_a_known_class_that_no_cell_names_is_absent_not_unknown():
    values, classes = encoded("dog", known=KNOWN, task="multi", label_sep="|")
    assert (values, classes) == ([[0, 1]], KNOWN)


def test_columns_state_1_0_or_nothing():
    values, classes = encoded(
        ("1", "0.0"), ("1.0", "-1.0"), ("", "u"), ("0", "-1"), task="multi", names=("b", "a")
    )
    assert classes == ((0, "b"), (1, "a"))
    assert values == [[1, 0], [1, 255], [255, 255], [0, 255]]


def test_a_known_column_that_the_table_lacks_is_unknown():
    values, _ = encoded(("1",), known=KNOWN, task="multi", names=("dog",))
    assert values == [[255, 1]]


def test_a_column_with_another_word_is_refused_by_file_and_column():
    with pytest.raises(UsageError, match=r"'yes' for 'b' of 0\.png"):
        encoded(("yes", "0"), task="multi", names=("b", "a"))


def test_numbers_become_float32():
    targets = encode_targets(scan_of(("1.5", "-2e3"), task="regression", names=("x", "y")))
    assert targets.values.dtype == np.float32
    assert targets.values.tolist() == [[1.5, -2000.0]]
    assert targets.classes == ()


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-inf", "1e39", "1,5", "1_0", "old"])
def test_what_is_no_finite_number_is_refused_by_file_and_column(cell):
    with pytest.raises(UsageError, match=r"'age' of 0\.png"):
        encoded((cell,), task="regression", names=("age",))


def test_fractions_are_measures_and_integers_and_words_are_not():
    assert are_measures(["1", "2.5"])
    assert not are_measures(["1", "2.0"])
    assert not are_measures(["1.5", "old"])


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=12))
def test_every_label_can_be_read_back_from_its_number(labels):
    try:
        targets = encode_targets(scan_of(*labels))
    except UsageError:
        return
    names = dict(targets.classes)
    for label, number in zip(labels, targets.values.tolist(), strict=True):
        assert names[number] == label or float(names[number]) == float(label)


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.lists(st.sampled_from("abcdefgh")))
def test_a_second_batch_never_moves_a_class(first, second):
    before = encode_targets(scan_of(*first)).classes
    added = tuple(sorted(set(second) - set(first)))
    after = encode_targets(scan_of(*second), before, added).classes
    assert after[: len(before)] == before
    assert len({number for number, _ in after}) == len(after)
