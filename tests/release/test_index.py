"""index.csv names every row, and no cell of it runs in a spreadsheet."""

from __future__ import annotations

import csv
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.columns import open_columns
from dpkit.release.index import (
    HEADER,
    IndexRows,
    check_index,
    guarded,
    read_cells,
    target_texts,
    unguarded,
    write_index,
)
from dpkit.release.manifest import Manifest

from .conftest import KEPT, build


@pytest.fixture(scope="module")
def manifest(built):
    return Manifest.from_json((built / "manifest.json").read_bytes())


def rows_of(built, manifest, cell=lambda row: f"cell {row}"):
    for shard in manifest.shards:
        kept = [(cell(row), "x") for row in range(shard.rows)]
        yield IndexRows(shard, open_columns(built / shard.file, manifest), kept)


def plain(built, manifest):
    for shard in manifest.shards:
        yield IndexRows(shard, open_columns(built / shard.file, manifest))


def test_each_row_of_each_shard_has_its_line(built, manifest):
    with (built / "data" / "index.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 91
    columns = open_columns(built / manifest.shards[1].file, manifest)
    line = lines[40 + 7]
    assert line["id"].encode() == columns.ids[7]
    assert line["group"].encode() == columns.groups[7]
    assert line["target"] == str(columns.labels[7])
    assert (line["part"], line["shard"], line["row"]) == ("train", manifest.shards[1].file, "7")
    assert (line["scanner"], line["note"]) == ("A1", "'=SUM(1)")


def test_size_and_digest_are_those_of_the_file(built, manifest, tmp_path):
    written = write_index(tmp_path / "index.csv", KEPT, rows_of(built, manifest))
    content = (tmp_path / "index.csv").read_bytes()
    assert (written.bytes, written.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert b"\r" not in content


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([3, -1]), ["3", "-1"]),
        (np.array([[0, 1, 255]], np.uint8), ["0|1|255"]),
        (np.array([[0.5, -2.25], [0.1, 1e20]], np.float32), ["0.5|-2.25", "0.1|1e+20"]),
    ],
)
def test_a_target_is_the_row_of_labels_joined_by_bars(labels, expected):
    assert target_texts(labels) == expected


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_from_its_cell(number):
    value = np.float32(number)
    assert np.float32(target_texts(np.array([value]))[0]) == value


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@x", "=", "-", "'quoted"])
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(cell):
    assert guarded(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "plain", "-1", "+2.5e-3", "3", "a=b", "é"])
def test_numbers_and_plain_words_stay_as_they_are(cell):
    assert guarded(cell) == cell


PLAIN = st.text(st.characters(exclude_categories=("Cc", "Cs")))


@given(PLAIN)
def test_the_guard_can_be_undone(cell):
    assert unguarded(guarded(cell)) == cell


def test_control_characters_become_spaces_so_that_a_row_is_a_line():
    assert guarded("two\r\nlines\0\ud800") == "two  lines  "
    assert guarded("\t=1") == " =1"


@settings(deadline=None, max_examples=50)
@given(PLAIN)
def test_any_kept_text_comes_back(tmp_path_factory, built, manifest, text):
    path = tmp_path_factory.mktemp("index") / "index.csv"
    write_index(path, KEPT, rows_of(built, manifest, lambda _: text))
    cells = list(read_cells(path))
    assert unguarded(cells[5][len(HEADER)]) == text
    check_index(path, KEPT, plain(built, manifest))


def test_a_kept_column_cannot_take_a_name_of_the_index(tmp_path):
    with pytest.raises(UsageError, match="'group' is a column"):
        write_index(tmp_path / "index.csv", ("group",), [])


def test_a_row_with_too_few_kept_cells_is_refused(tmp_path, built, manifest):
    rows = [
        IndexRows(
            manifest.shards[0], open_columns(built / manifest.shards[0].file, manifest), [("a",)]
        )
    ]
    with pytest.raises(ValueError, match="keeps 1 cells"):
        write_index(tmp_path / "index.csv", KEPT, rows)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: lines[:-1], "line 92 does not agree"),
        (lambda lines: [*lines, lines[-1]], "line 93 is one more"),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "line 4"),
        (lambda lines: [lines[0].replace("id", "ID"), *lines[1:]], "line 1 is not the header"),
        (lambda lines: [lines[0], lines[1] + ",more", *lines[2:]], "line 2"),
        (lambda lines: [lines[0], lines[1].replace("train", "test", 1), *lines[2:]], "line 2"),
        (lambda lines: [lines[0], '"' + lines[1], *lines[2:]], "no CSV|line 2"),
        (lambda lines: [lines[0], "x" * (1 << 20), *lines[2:]], "no CSV"),
        (lambda lines: [lines[0], "\0", *lines[2:]], "no CSV|line 2"),
    ],
)
def test_an_index_that_differs_from_the_shards_is_refused(release, manifest, change, why):
    path = release / "data" / "index.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(IntegrityError, match=why):
        check_index(path, KEPT, plain(release, manifest))


def test_an_index_that_is_no_utf8_is_refused(release, manifest):
    path = release / "data" / "index.csv"
    path.write_bytes(path.read_bytes().replace(b"A1", b"\xff1", 1))
    with pytest.raises(IntegrityError, match="UTF-8"):
        check_index(path, KEPT, plain(release, manifest))


def test_multi_labels_stand_in_one_cell(tmp_path, key):
    build(tmp_path / "release", key, "multi", "uint8")
    lines = (tmp_path / "release" / "data" / "index.csv").read_text().splitlines()
    assert set(lines[1].split(",")[2].split("|")) <= {"0", "1", "255"}
