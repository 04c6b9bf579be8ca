import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.readers.labels import Rows
from dpkit.readers.matching import match


def matched(names, paths, labels=None):
    labels = labels or ["x"] * len(names)
    rows = Rows(list(names), {"label": list(labels)}, [n + 2 for n in range(len(names))])
    return match(rows, paths, table_name="labels.csv")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/1.png", "a/1.png"),
        ("a\\1.png", "a/1.png"),
        (".\\a\\1.png", "a/1.png"),
        ("./a/1.png", "a/1.png"),
        ("/home/someone/set/a/1.png", "a/1.png"),
        ("CheXpert/train/p1/view.jpg", "train/p1/view.jpg"),
        ("1.png", "deep/er/1.png"),
        ("er/1.png", "deep/er/1.png"),
        ("a/1", "a/1.png"),
        ("1", "deep/1.jpeg"),
        ("ISIC_0001.v2", "ISIC_0001.v2.jpg"),
        ("cafe\u0301.png", "caf\u00e9.png"),
    ],
)
def test_a_row_finds_its_file(name, path):
    assert matched([name], [path, "other.png"]).rows == {path: 0}


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("1.png", ["a/1.png", "b/1.png"]),
        ("1", ["1.png", "1.jpg"]),
        ("p2/1.png", ["p1/1.png"]),
        ("p2/1", ["p1/1.png"]),
        ("", ["a.png"]),
        ("/", ["a.png"]),
        ("..", ["a.png"]),
        ("A.PNG", ["a.png"]),
    ],
)
def test_a_row_in_doubt_finds_nothing(name, paths):
    found = matched([name], paths)
    assert found.rows == {}
    assert found.notices[0].startswith("1 rows of labels.csv have no file")


def test_an_exact_path_wins_over_a_base_name():
    assert matched(["1.png"], ["1.png", "a/1.png"]).rows == {"1.png": 0}


def test_rows_without_a_file_and_files_without_a_row_are_counted_and_listed():
    found = matched(["a.png", "x.png", "y.png"], ["a.png", "b.png"])
    assert found.notices == (
        "2 rows of labels.csv have no file: x.png, y.png",
        "1 files have no row in labels.csv and are not released: b.png",
    )


def test_a_long_list_names_twenty_and_counts_all():
    found = matched([f"{n:02}.png" for n in range(25)], ["a.png"])
    assert found.notices[0].startswith("25 rows")
    assert found.notices[0].endswith("19.png and 5 more")


def test_equal_rows_of_one_file_count_once():
    found = matched(["a.png", "./a.png"], ["a.png"])
    assert found.rows == {"a.png": 0}
    assert found.notices == ("1 files have equal rows in labels.csv more than once: a.png",)


def test_differing_rows_of_one_file_put_it_in_quarantine():
    found = matched(["a.png", "a.png", "b.png"], ["a.png", "b.png"], ["cat", "dog", "cat"])
    assert found.rows == {"b.png": 2}
    assert found.conflicts == {"a.png": "lines 2, 3 of the table say different things of it"}


paths = st.lists(
    st.from_regex(r"\A([ab]/){0,2}[ab]\.(png|jpg)\Z"), min_size=1, max_size=8, unique=True
)


@given(paths, st.randoms())
def test_every_path_finds_itself_in_any_order(files, random):
    names = random.sample(files, len(files))
    found = matched(names, files)
    assert {path: names[row] for path, row in found.rows.items()} == {p: p for p in files}


@given(paths, st.text("ab/.pngj\\", max_size=12))
def test_a_name_finds_a_file_that_ends_or_begins_alike_or_none(files, name):
    found = matched([name], files)
    for path in found.rows:
        key = name.replace("\\", "/").rpartition("/")[2].removesuffix(".png").removesuffix(".jpg")
        assert path.rpartition("/")[2].startswith(key.rstrip("."))
