from __future__ import annotations

import gzip
import json

import pytest

from elmo_xlstm.errors import UserError
from tasks.readers.predict_input import read_predict_input
from tasks.readers.predict_texts import read_pairs, read_texts
from tasks.readers.problems import DataError


@pytest.fixture
def write(tmp_path):
    def write(name: str, *lines: str):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


def test_a_text_a_line(write) -> None:
    examples = list(read_texts(write("in.txt", "Enak sekali!", "", "\tburuk\t🦜")))
    assert [example.texts for example in examples] == [("Enak sekali!",), ("\tburuk\t🦜",)]
    assert examples[0].words == (("Enak", "sekali", "!"),)
    assert all(example.labels is None for example in examples)
    assert examples[1].origin.endswith("in.txt:3")


def test_json_lines(write) -> None:
    lines = [json.dumps({"text": "satu\ndua", "id": 7}), json.dumps({"text": "tiga"})]
    assert [example.words for example in read_texts(write("in.jsonl", *lines))] == [(("satu", "dua"),), (("tiga",),)]


def test_compressed_json_lines_are_json_lines(tmp_path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "satu dua"}\n'))
    assert [example.texts for example in read_texts(path)] == [("satu dua",)]
    assert [sentence.words for sentence in read_predict_input(path)] == [("satu", "dua")]


@pytest.mark.parametrize("name", ["in.csv", "in.TSV", "in.csv.gz", "in.tab", "in.tab.xz"])
def test_tables_are_refused_rather_than_read_as_text(tmp_path, name: str) -> None:
    readers = [read_texts, read_predict_input, *([read_pairs] if ".csv" in name else [])]  # pairs have tabs
    for read in readers:
        with pytest.raises(UserError, match=r"table cannot be predicted for; expected plain text"):
            list(read(tmp_path / name))


def test_pairs(write) -> None:
    expected = [("satu dua", "tiga"), ("a", "b")]
    plain = read_pairs(write("in.tsv", "satu dua\ttiga", "a\tb"))
    objects = [json.dumps({"first": first, "second": second}) for first, second in expected]
    for reading in (plain, read_pairs(write("in.jsonl", *objects))):
        assert [example.texts for example in reading] == expected


@pytest.mark.parametrize(
    ("read", "name", "line", "reason"),
    [
        (read_pairs, "in.txt", "just one", "1 columns, expected two texts with a tab between them"),
        (read_pairs, "in.txt", "a\tb\tc", "3 columns"),
        (read_pairs, "in.txt", "a\t ", "empty text"),
        (read_pairs, "in.jsonl", '{"first": "a"}', 'expected {"first": "...", "second": "..."}'),
        (read_texts, "in.jsonl", "{", "no valid JSON"),
        (read_texts, "in.jsonl", "[1]", 'expected {"text": "..."}'),
        (read_texts, "in.jsonl", '{"text": 3}', 'expected {"text": "..."}'),
        (read_texts, "in.jsonl", '{"text": " "}', "empty text"),
        (read_texts, "in.jsonl", '{"text": "a\\ud800"}', "lone surrogate"),
        (read_texts, "in.jsonl", "[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_lines_are_named(read, name, line, reason, write) -> None:
    path = write(name, line)
    with pytest.raises(DataError) as caught:
        list(read(path))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:1: ") and reason in problem
    with pytest.raises(UserError, match="holds no text"):
        list(read(path, strict=False))


def test_lenient_reading_skips_and_counts(write, caplog) -> None:
    assert len(list(read_pairs(write("in.txt", "a\tb", "c"), strict=False))) == 1
    assert "1 problem" in caplog.text and "1 skipped" in caplog.text
