from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.input_rows import LINE, input_format, read_input

TEXT = ("text",)


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
        return path

    return write


def rows(path: Path, usual=TEXT, columns=(), form=None):
    return list(read_input(path, input_format(path, form), usual, columns))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.txt", "text"),
        ("a", "text"),
        ("a.JSONL.gz", "jsonl"),
        ("a.csv.xz", "csv"),
        ("a.tab", "tsv"),
        ("a.conllu", "conll"),
        ("a.parquet", "parquet"),
    ],
)
def test_formats_are_known_by_names(name: str, form: str) -> None:
    assert input_format(Path(name), None) == form
    assert input_format(Path(name), "csv") == "csv"
    with pytest.raises(UserError, match="--input-format xml: expected text, jsonl"):
        input_format(Path(name), "xml")


def test_lines_keep_their_numbers(write) -> None:
    found = rows(write("in.txt", "\ufeffsatu\r\n\n  \n dua\n"))
    assert [(row.number, row.values) for row in found] == [(1, {LINE: "satu"}), (4, {LINE: " dua"})]
    assert found[1].origin.endswith("in.txt:4")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_tables_header_tells_its_separator(write, separator: str) -> None:
    lines = [("id", "ulasan"), ("1", '"enak, murah; puas"'), ("2", "kotor")]
    found = rows(write("in.csv", "".join(f"{separator.join(line)}\n" for line in lines)), columns=("ulasan",))
    assert [row.values for row in found] == [{"id": "1", "ulasan": "enak, murah; puas"}, {"id": "2", "ulasan": "kotor"}]


def test_json_lines_keep_all_keys_and_tell_bad_ones(write) -> None:
    first, bad, last = rows(write("in.jsonl", '{"id": 7, "text": "satu"}\n[]\n\n{"text": "dua"}\n'))
    assert first.values == {"id": 7, "text": "satu"} and not first.problem
    assert bad.number == 2 and "expected one object with 'text'" in bad.problem
    assert last.number == 4


@pytest.mark.parametrize(("name", "between"), [("in.csv", ","), ("in.tsv.gz", "\t")])
def test_tables_number_the_rows_under_the_header(write, name: str, between: str) -> None:
    content = f'id{between}text\n1{between}"satu\nsetengah"\n\n2\n3{between}"tiga{between} ""ya"""\n'
    first, bad, last = rows(write(name, content))
    assert first.values == {"id": "1", "text": "satu\nsetengah"} and first.columns == TEXT
    assert bad.problem == "1 columns, expected 2" and bad.origin.endswith(":5")
    assert (last.number, last.values["text"]) == (3, f'tiga{between} "ya"')


def test_the_only_column_of_a_table_holds_the_texts(write) -> None:
    (row,) = rows(write("in.csv", "ulasan\nbagus\n"))
    assert row.columns == ("ulasan",)


def test_a_column_is_named(write) -> None:
    path = write("in.csv", "id,ulasan\n1,bagus\n")
    (row,) = rows(path, columns=["ulasan"])
    assert row.columns == ("ulasan",)
    with pytest.raises(
        UserError, match="no column 'text' among id, ulasan; name the column of the texts with --column"
    ):
        rows(path)
    with pytest.raises(UserError, match="no column 'ulasn' among id, ulasan; did you mean 'ulasan'"):
        rows(path, columns=["ulasn"])
    with pytest.raises(UserError, match="two columns have the same name"):
        rows(write("two.csv", "text,text\na,b\n"))


def test_parquet_is_read_in_parts_with_its_types(tmp_path) -> None:
    path = tmp_path / "in.parquet"
    table = {"id": list(range(1200)), "text": [f"hari {n}" for n in range(1200)], "words": [["a", "b"]] * 1200}
    pyarrow.parquet.write_table(pyarrow.table({name: table[name] for name in ("id", "text")}), path)
    found = rows(path)
    assert [row.values["id"] for row in found] == list(range(1200)) and found[-1].number == 1200
    pyarrow.parquet.write_table(pyarrow.table({name: table[name] for name in ("id", "words")}), path)
    first = next(iter(read_input(path, "parquet", TEXT)))
    assert first.columns == ("words",) and first.values["words"] == ["a", "b"]
    path.write_bytes(b"PAR1nothing")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        rows(path)
    with pytest.raises(UserError, match="from a file, not from a pipe"):
        list(read_input(tmp_path / "none", "parquet", TEXT))


def test_column_files_give_sentences_with_what_stands_beside_the_words(write) -> None:
    content = "-DOCSTART- O\n\n# id = 4\n# text = Siti tiba\nSiti B-PER\ntiba O\n\n\nya O\n"
    first, second = rows(write("in.conll", content))
    assert first.values == {"id": "4", "words": ["Siti", "tiba"], "columns": [["B-PER"], ["O"]]}
    assert (first.number, second.number, second.values["words"]) == (1, 2, ["ya"])
    (spaced,) = rows(write("tabs.conll", "Kota Batu\tB-LOC\n"))
    assert spaced.values["words"] == ["Kota Batu"]
    (bare,) = rows(write("bare.conll", "Siti\ntiba\n"))
    assert bare.values == {"words": ["Siti", "tiba"]}
    (other,) = rows(write("other.conll", "1 Siti\n2 tiba\n"), columns=["1"])
    assert other.values == {"words": ["Siti", "tiba"], "columns": [["1"], ["2"]]}
    (short,) = rows(write("short.conll", "1 Siti\n2\n"), columns=["1"])
    assert "no column 1" in short.problem
    with pytest.raises(UserError, match="number of the words' column"):
        rows(write("in.conll", content), columns=["word"])


def test_unified_files_leave_out_words_that_are_not_written(write) -> None:
    content = "# sent_id = a-1\n1-2\tdibawanya\t_\n1\tdibawa\tVERB\n2\tnya\tPRON\n2.1\tx\t_\n"
    (row,) = rows(write("in.conllu", content))
    assert row.values["words"] == ["dibawa", "nya"] and row.values["sent_id"] == "a-1"


def test_nothing_is_held(write) -> None:
    """A file is read as its rows are asked for."""
    path = write("in.jsonl", "".join(json.dumps({"text": "a"}) + "\n" for _ in range(5)) + "\udcff" * 0)
    assert len(list(itertools.islice(read_input(path, "jsonl", TEXT), 2))) == 2
