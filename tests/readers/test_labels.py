import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.readers import labels
from dpkit.readers.labels import LabelTable, read_rows

TEXT = "file,label,age\na.png,cat,3\nb.png,dog,4\n"


def read(path, **columns):
    return read_rows(LabelTable(path, **columns))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_recognised(table, delimiter):
    rows = read(table(TEXT.replace(",", delimiter)), label_columns=("label",))
    assert rows.files == ["a.png", "b.png"]
    assert rows.columns == {"label": ["cat", "dog"]}


def test_the_delimiter_is_the_one_that_gives_the_named_columns(table):
    text = "Image Index|Finding, Labels, and, more|Age\na.png|x,y|3\n"
    rows = read(table(text), label_columns=("Finding, Labels, and, more",))
    assert rows.columns["Finding, Labels, and, more"] == ["x,y"]


def test_a_header_of_one_column_and_bars_in_cells_is_still_comma_separated(table):
    rows = read(table("file,finding\na.png,x|y|z\n"), label_columns=("finding",), label_sep="|")
    assert rows.columns["finding"] == ["x|y|z"]


def test_a_name_of_two_lines_is_one_column(table):
    rows = read(
        table('file;"two\nlines, quoted"\na.png;x\n'), label_columns=("two\nlines, quoted",)
    )
    assert rows.columns == {"two\nlines, quoted": ["x"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_byte_order_marks_are_recognised(table, encoding):
    text = TEXT.replace("cat", "käse")
    mark = "\ufeff" if encoding in {"utf-16-le", "utf-16-be"} else ""
    rows = read(table(mark + text, encoding), label_columns=("label",))
    assert rows.columns["label"] == ["käse", "dog"]


def test_quotes_blank_lines_spaces_and_windows_lines_are_understood(table):
    text = 'file , label\r\n"a, b.png", "two\r\nlines"\r\n\r\n c.png , dog \r\n'
    rows = read(table(text), label_columns=("label",))
    assert rows.files == ["a, b.png", "c.png"]
    assert rows.columns["label"] == ["two\r\nlines", "dog"]


@pytest.mark.parametrize(
    "name", ["file", "File Name", "image_id", "Image Index", "Path", "filename"]
)
def test_usual_names_of_the_file_column_are_found(table, name):
    assert read(table(f"x,{name}\n1,a.png\n")).files == ["a.png"]


@pytest.mark.parametrize("header", ["x,y", "file,path"])
def test_a_file_column_in_doubt_is_asked_for(table, header):
    with pytest.raises(UsageError, match="--file-column; it has"):
        read(table(f"{header}\n1,2\n"))


def test_an_unknown_column_is_refused_with_a_close_one_and_all_there_are(table):
    with pytest.raises(
        UsageError, match=r"no column 'lable'; did you mean 'label'\? it has file, label"
    ):
        read(table(TEXT), label_columns=("lable",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header"),
        ("\n", "no header"),
        ("file,label\na.png\n", "row 1 of labels.csv has 1 cells, its header 2"),
        ("file,label\na.png,b,c\n", "row 1 of labels.csv has 3 cells"),
        ("file,label,label\na.png,b,c\n", "2 columns 'label'"),
        ('file,label\n"a.png,b\n', "no CSV"),
        ('file,label\n"a"x,b\n', "no CSV"),
        ("file,label\n" + "a" * 140_000 + ",b\n", "no CSV"),
        (b"file,label\na.png,k\xe4se\n", "not UTF-8"),
        (b"\xff\xfef\x00i\x00l", "not UTF-8|no column|file names"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused(table, text, words):
    with pytest.raises(UsageError, match=words):
        read(table(text), label_columns=("label",))


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(tmp_path / "gone.csv")


def test_more_rows_or_columns_than_the_limit_are_refused(table, monkeypatch):
    monkeypatch.setattr(labels, "MAX_ROWS", 1)
    with pytest.raises(UsageError, match="more than 1 rows"):
        read(table(TEXT))
    wide = "file," + ",".join(f"c{n}" for n in range(4096)) + "\n"
    with pytest.raises(UsageError, match="4097 columns, above 4096"):
        read(table(wide))


@pytest.mark.parametrize(
    "options",
    [
        {"label_sep": "|"},
        {"label_columns": ("a", "b"), "label_sep": "|"},
        {"label_columns": ("a",), "label_sep": ""},
        {"task": "single"},
        {"label_columns": ("a", "b"), "task": "single"},
        {"label_columns": ("a",), "label_sep": "|", "task": "regression"},
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, options):
    with pytest.raises(UsageError):
        LabelTable(tmp_path / "x.csv", **options)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).map(str.strip)
names = st.lists(cells.filter(bool), min_size=2, max_size=5, unique=True)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names, st.data(), st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
)
def test_whatever_a_csv_writer_wrote_is_read_back(table, header, data, delimiter, encoding):
    line = st.lists(cells, min_size=len(header), max_size=len(header)).filter(any)
    lines = data.draw(st.lists(line, max_size=5))
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([header, *lines])
    path = table(buffer.getvalue(), encoding)
    rows = read(path, file_column=header[0], label_columns=tuple(header[1:]))
    assert rows.files == [line[0] for line in lines]
    assert rows.columns == {name: [line[n] for line in lines] for n, name in enumerate(header) if n}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=120))
def test_any_bytes_are_a_table_or_refused(table, content):
    try:
        rows = read(table(content), file_column="file")
    except UsageError:
        return
    assert len(rows.files) == len(rows.lines)
