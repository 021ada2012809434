from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.numbered_text import read_numbered


@pytest.fixture
def file(tmp_path: Path):
    def make(name: str, content: str) -> Path:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return make


def test_lines_keep_their_numbers(file) -> None:
    rows = list(read_numbered(file("a.txt", "Siti tiba.\n\n  di sini  \n")))
    assert [tuple(row) for row in rows] == [
        (0, "Siti tiba.", ["Siti", "tiba", "."]),
        (2, "di sini", ["di", "sini"]),
    ]
    assert [row.words for row in read_numbered(file("a.txt", "Siti tiba.\n"), tokenized=True)] == [["Siti", "tiba."]]


def test_json_lines(file) -> None:
    path = file("a.jsonl", '{"text": "Siti tiba.", "id": 3}\n{"words": ["a b", "c"]}\n{"text": ""}\n')
    assert [row.words for row in read_numbered(path)] == [["Siti", "tiba", "."], ["a b", "c"], []]
    assert [row.text for row in read_numbered(file("b.jsonl", '{"isi": "Siti"}\n'), "isi")] == ["Siti"]


def test_tables(file, tmp_path) -> None:
    path = file("a.csv", 'id,isi\n1,"Siti, tiba\ndi sini"\n2,Budi\n')
    assert [row.text for row in read_numbered(path, "isi")] == ["Siti, tiba\ndi sini", "Budi"]
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b"text\tid\nSiti\t1\n"))
    assert [tuple(row) for row in read_numbered(tmp_path / "a.tsv.gz")] == [(0, "Siti", ["Siti"])]
    pq.write_table(pa.table({"text": ["Siti tiba", ""]}), tmp_path / "a.parquet")
    assert [row.words for row in read_numbered(tmp_path / "a.parquet")] == [["Siti", "tiba"], []]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "id,isi\n1,a\n", "no column 'text' among id, isi"),
        ("a.csv", "id,text\n1,a,b\n", "a.csv:2: 3 columns, expected 2"),
        ("a.jsonl", "[]\n", "a.jsonl:1: expected"),
        ("a.jsonl", '{"words": [1]}\n', "a.jsonl:1: expected"),
        ("a.jsonl", "{\n", "a.jsonl:1: no valid JSON"),
    ],
)
def test_rows_without_a_text(file, name, content, message) -> None:
    with pytest.raises(UserError, match=message):
        list(read_numbered(file(name, content)))
