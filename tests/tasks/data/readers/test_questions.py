from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.problems import DataError
from elmo_xlstm.tasks.data.readers.questions import QuestionReader

LABELS = ("O", "B", "I")
HEADER = "question,passage,seq_label\n"
GOOD = """"['Siapa', '?']","['Budi', 'Utomo', ',', 'kata ""dia""', '.']","['B', 'I', 'O', 'O', 'O']"\n"""
BROKEN = """"['Kapan',\n'?']","['Kini']","['O']"\n"""


def read(path, labels, strict=True):
    return QuestionReader(strict=strict).read(path, labels)


@pytest.fixture
def write(tmp_path):
    def write(text, name="questions.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def test_list_columns(write) -> None:
    (question,) = read(write(HEADER + GOOD), LABELS).examples
    assert question.question == ("Siapa", "?")
    assert question.passage == ("Budi", "Utomo", ",", 'kata "dia"', ".")
    assert question.tags == ("B", "I", "O", "O", "O")
    assert question.origin.endswith("questions.csv:2")


def test_a_quoted_line_end_does_not_end_a_row(write) -> None:
    path = write("\ufeff" + (HEADER + BROKEN + GOOD).replace("\n", "\r\n"))
    first, second = read(path, LABELS).examples
    assert first.question == ("Kapan", "?")
    assert (first.origin, second.origin) == (f"{path}:2", f"{path}:4")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,b\n", "2 columns, expected 3"),
        ("\"['a']\",\"['b', 'c']\",\"['O']\"\n", "2 words in the passage but 1 labels"),
        ("\"['a']\",\"['b']\",\"['B-PER']\"\n", "unknown label 'B-PER'"),
        ('"[]","[\'b\']","[\'O\']"\n', "question is a list of texts"),
        ("\"['a']\",\"['b', ' ']\",\"['O', 'O']\"\n", "passage is a list of texts"),
        ('"[\'a\']","[1]","[\'O\']"\n', "passage is a list of texts"),
        ("\"['a']\",\"'b'\",\"['O']\"\n", "passage is a list of texts"),
        ("\"['a']\",\"['b'\",\"['O']\"\n", "no Python list"),
        ("\"['a']\",\"[open('b')]\",\"['O']\"\n", "no Python list"),
    ],
)
def test_bad_rows_are_named_with_their_line(write, row, reason) -> None:
    path = write(HEADER + BROKEN + row + GOOD)
    with pytest.raises(DataError, match=reason) as caught:
        read(path, LABELS)
    assert caught.value.problems[0].startswith(f"{path}:4: ")
    reading = read(path, LABELS, strict=False)
    assert (len(reading.examples), reading.skipped) == (2, 1)


def test_files_that_are_no_questions(write, tmp_path) -> None:
    for content, reason in [
        ("", r":1: columns are none; expected question, passage, seq_label"),
        ("text,label\n", r":1: columns are text, label; expected"),
        (HEADER, "holds no question"),
        (HEADER + '"[', r":2: not CSV \(unexpected end of data\)"),
        (HEADER + GOOD + '"a"b,c,d\n', r":3: not CSV"),
    ]:
        with pytest.raises(UserError, match=reason):
            read(write(content), LABELS)
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "none.csv", LABELS)
