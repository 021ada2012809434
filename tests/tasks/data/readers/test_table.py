from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.problems import DataError
from elmo_xlstm.tasks.data.readers.table import TableReader


@pytest.fixture
def read(tmp_path):
    def read(text: str, labels=None, name="data.csv", **values):
        (tmp_path / name).write_bytes(text.encode())
        return validate(TableReader, values).read(tmp_path / name, labels)

    return read


def test_named_columns_in_any_order(read, tmp_path) -> None:
    reading = read("label,id,text\npos,1,Enak sekali!\nneg,2,buruk\n")
    assert [example.texts for example in reading.examples] == [("Enak sekali!",), ("buruk",)]
    assert reading.examples[0].words == (("Enak", "sekali", "!"),)
    assert [example.labels for example in reading.examples] == [("pos",), ("neg",)]
    assert [example.origin for example in reading.examples] == [f"{tmp_path}/data.csv:{line}" for line in (2, 3)]
    assert (reading.problems, reading.skipped) == ((), 0)


def test_quoted_fields_hold_separators_quotes_and_line_ends(read, tmp_path) -> None:
    text = 'label,text\nfear,"takut, ""sekali""\n\nada hantu"\nhappy,senang\n'
    for content in (text, text.replace("\n", "\r\n"), "\ufeff" + text):
        first, second = read(content).examples
        assert first.texts == ('takut, "sekali"\n\nada hantu',) and first.labels == ("fear",)
        assert first.words == (("takut", ",", '"', "sekali", '"', "ada", "hantu"),)
        assert (first.origin, second.origin) == (f"{tmp_path}/data.csv:2", f"{tmp_path}/data.csv:5")


def test_tabs_without_header_and_quotes(read) -> None:
    reading = read(
        'makan "enak\tpositive\n"apa" itu\tneutral\n',
        separator="\t",
        quoted=False,
        header=False,
        text_columns=[0],
        label_columns=[1],
    )
    assert [example.texts[0] for example in reading.examples] == ['makan "enak', '"apa" itu']
    assert [example.labels for example in reading.examples] == [("positive",), ("neutral",)]


def test_two_texts_and_several_labels(read) -> None:
    reading = read("a,b,x,y\nsatu,dua,p,n\n", text_columns=["a", "b"], label_columns=["y", "x"])
    assert reading.examples[0].texts == ("satu", "dua") and reading.examples[0].labels == ("n", "p")


@given(st.lists(st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), min_size=1), min_size=1))
@settings(max_examples=40, deadline=None)
def test_whatever_csv_writes_is_read_again(tmp_path_factory, texts) -> None:
    path = tmp_path_factory.mktemp("table") / "data.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((text + "a", "x") for text in texts)])
    reading = TableReader().read(path)
    assert [example.texts[0] for example in reading.examples] == [text + "a" for text in texts]


def test_long_fields(read) -> None:
    assert len(read(f"text,label\n{'kata ' * 50_000},x\n").examples[0].words[0]) == 50_000


def test_columns_counted_from_the_end(read) -> None:
    reading = read("satu,dua,p\n", header=False, text_columns=[-2], label_columns=[-1])
    assert reading.examples[0].texts == ("dua",) and reading.examples[0].labels == ("p",)


def test_labels_are_renamed(read) -> None:
    names = {"1": "neg", "2": "neg", "5": "pos", "": "none"}
    reading = read("text,label\na,1\nb, 2 \nc,5\nd,\n", labels=["neg", "pos", "none"], label_names=names)
    assert [example.labels[0] for example in reading.examples] == ["neg", "neg", "pos", "none"]


BAD = [
    ("text,label\na,posi\n", 2, "unknown label 'posi' in column 'label'; did you mean 'posit'?"),
    ("text,label\na,x,y\n", 2, "3 columns, expected 2 (separated by ',')"),
    ("text,label\na,\n", 2, "empty label in column 'label'"),
    ("text,label\n  ,x\n", 2, "empty text in column 'text'"),
    ("text,label\na,other\n", 2, "unknown label 'other' in column 'label'"),
    ('text,label\n"a\nb",x\n  ,x\n', 4, "empty text in column 'text'"),
]


@pytest.mark.parametrize(("text", "line", "reason"), BAD)
def test_bad_rows_are_named(text, line, reason, read, tmp_path) -> None:
    with pytest.raises(DataError) as caught:
        read(text, labels=["x", "posit"])
    assert caught.value.problems == [f"{tmp_path}/data.csv:{line}: {reason}"]


def test_all_bad_rows_are_reported_together_or_skipped(read, caplog) -> None:
    text = "text,label\na,x\n,x\nb,\nc,y\n"
    with pytest.raises(DataError, match="3 problems"):
        read(text, labels=["x"])
    reading = read(text, labels=["x"], strict=False)
    assert [example.texts for example in reading.examples] == [("a",)]
    assert reading.skipped == len(reading.problems) == 3 and "3 skipped" in caplog.text


def test_a_quote_that_is_not_closed_is_refused_in_lenient_mode_too(read) -> None:
    for strict in (True, False):
        with pytest.raises(UserError, match=r"data.csv:3: no row of a table .* mend the row's quotes"):
            read('text,label\na,x\n"b,x\nc,x\n', strict=strict)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text_columns": ["tweat"]}, r"data.csv:1: column 'tweat' is not .*; did you mean 'tweet'\?"),
        ({"text_columns": ["tweet"], "label_columns": ["twice"]}, "column 'twice' is more than once"),
        ({"text_columns": ["tweet"], "label_columns": [7]}, "data.csv:1: 4 columns, so none with the number 7"),
        ({"text_columns": ["tweet"], "label_columns": [-5]}, "4 columns, so none with the number -5"),
        ({"header": False, "text_columns": ["tweet"]}, "there is no header; give its number"),
    ],
)
def test_columns_that_are_not_there(values, message, read) -> None:
    with pytest.raises(UserError, match=message):
        read("tweet,twice,twice,label\na,b,c,d\n", **values)


def test_files_without_text(read, tmp_path) -> None:
    for text in ("", "text,label\n"):
        with pytest.raises(UserError, match="holds no text|is not among"):
            read(text)
    with pytest.raises(UserError, match="no such file"):
        TableReader().read(tmp_path / "none.csv")


def test_settings_are_checked() -> None:
    for values in ({"text_columns": []}, {"label_columns": []}, {"separator": "::"}):
        with pytest.raises(ConfigError):
            validate(TableReader, values)


@pytest.mark.parametrize(
    ("text", "values", "working"),
    [
        ("ulasan;nilai\nbagus, murah;5\nburuk;1\n", {"text_columns": ["ulasan"], "label_columns": ["nilai"]}, "';'"),
        ("text\tlabel\nbagus\t5\n", {}, r"'\\t'"),
        ("text,label\nbagus,5\n", {"separator": "\t"}, "','"),
        ("bagus|5\nburuk|1\n", {"header": False, "text_columns": [0], "label_columns": [-1]}, r"'\|'"),
    ],
)
def test_a_separator_that_leaves_one_column_is_refused(text, values, working, read) -> None:
    for strict in (True, False):
        with pytest.raises(UserError, match=f"one column .*set separator: {working}"):
            read(text, strict=strict, **values)


def test_text_and_label_are_two_columns(read) -> None:
    with pytest.raises(UserError, match="are the same of 2 columns"):
        read("text,label\na,x\n", label_columns=[0])


def test_most_rows_say_how_many_columns_there_are(read, tmp_path) -> None:
    columns = {"header": False, "text_columns": [0], "label_columns": [1]}
    with pytest.raises(DataError) as caught:
        read("a,b,x\nc,y\nd,y\n", **columns)
    assert caught.value.problems == [f"{tmp_path}/data.csv:1: 3 columns, expected 2 (separated by ',')"]


def test_names_of_columns_are_no_example(read) -> None:
    columns = {"text_columns": [0], "label_columns": [1]}
    with pytest.raises(UserError, match=r"data\.csv:1: .*names of columns; set header: true"):
        read("Text,Label\na,x\n", header=False, **columns)
    assert len(read("text,x\na,x\n", header=False, **columns).examples) == 2


@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n"])
def test_line_ends_change_nothing(read, end) -> None:
    text = 'text,label\n"satu\n\ndua",x\ntiga,y\n'
    assert read(text.replace("\n", end)).examples == read(text).examples


def test_fractions_that_are_whole_numbers_are_those(read) -> None:
    assert [e.labels[0] for e in read("text,label\na,1.0\nb,1\nc, 2.00\n").examples] == ["1", "1", "2"]
    assert read("text,label\na,1.0\n", labels=["1.0"]).examples[0].labels == ("1.0",)
    assert read("text,label\na,1.0\n", label_names={"1.0": "neg", "1": "pos"}).examples[0].labels == ("neg",)
    assert read("text,label\na,1.0\n", label_names={"1": "pos"}).examples[0].labels == ("pos",)
