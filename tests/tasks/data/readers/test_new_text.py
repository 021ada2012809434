from __future__ import annotations

import gzip
import json
from functools import partial

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers import new_text
from elmo_xlstm.tasks.data.readers.new_text import read_examples, read_sentences
from elmo_xlstm.tasks.data.readers.problems import DataError

read_texts = partial(read_examples, parse=new_text.parse_text, usual=new_text.TEXT, what="text")
read_pairs = partial(read_examples, parse=new_text.parse_pair, usual=new_text.PAIR, what="text")
read_questions = partial(read_examples, parse=new_text.parse_question, usual=new_text.QUESTION, what="question")


def test_plain_text_is_one_sentence_a_line(tmp_path):
    path = tmp_path / "berita.txt"
    path.write_bytes("\ufeffBudi pulang.\r\n\r\nIa tidur".encode())
    sentences = list(read_sentences(path))
    assert [s.words for s in sentences] == [("Budi", "pulang", "."), ("Ia", "tidur")]
    assert [s.origin for s in sentences] == [f"{path}:1", f"{path}:3"]
    assert all(s.tags is None for s in sentences)


def test_json_lines_hold_words_or_text(tmp_path):
    path = tmp_path / "berita.JSONL"
    rows = [{"words": ["kerja sama", "ini."], "id": 7}, {"text": "Budi pulang."}]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert [s.words for s in read_sentences(path)] == [("kerja sama", "ini."), ("Budi", "pulang", ".")]


BAD_LINES = [
    ("{", "no valid JSON"),
    ("[" * 100_000, "nested too deeply|no valid JSON"),
    ('["a"]', "expected one object with 'text'"),
    ("{}", 'expected {"words"'),
    ('{"words": ["a"], "text": "a"}', 'expected {"words"'),
    ('{"text": " "}', "'text' must be"),
    ('{"text": 3}', "'text' must be"),
    (r'{"text": "\u200b \ufe0f"}', "holds no word"),
    ('{"words": []}', "'words' must be"),
    ('{"words": "a b"}', "'words' must be a list"),
    ('{"words": ["a", 3]}', "no word"),
    ('{"words": ["a", " "]}', "no word"),
    (r'{"words": ["a", "\ud800"]}', "half a character"),
    (r'{"text": "a\udc00"}', "half a character"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_bad_lines_are_reported_by_file_and_line(tmp_path, line, reason):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "baik"}\n' + line + "\n")
    with pytest.raises(DataError, match=reason) as caught:
        list(read_sentences(path))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{path}:2: ")


def test_lenient_reading_skips_and_counts_them(tmp_path, caplog):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(line for line, _ in BAD_LINES) + '\n{"text": "baik"}\n')
    assert [s.words for s in read_sentences(path, strict=False)] == [("baik",)]
    assert f"{len(BAD_LINES)} skipped" in caplog.text


@pytest.mark.parametrize("name", ["in.txt", "in.jsonl"])
def test_empty_input_is_refused(tmp_path, name):
    (tmp_path / name).write_text("\n \n")
    with pytest.raises(UserError, match="holds no sentence"):
        list(read_sentences(tmp_path / name))


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


def test_texts_in_json_lines(write) -> None:
    lines = [json.dumps({"text": "satu\ndua", "id": 7}), json.dumps({"text": "tiga"})]
    assert [example.words for example in read_texts(write("in.jsonl", *lines))] == [(("satu", "dua"),), (("tiga",),)]


def test_compressed_json_lines_are_json_lines(tmp_path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "satu dua"}\n'))
    assert [example.texts for example in read_texts(path)] == [("satu dua",)]
    assert [sentence.words for sentence in read_sentences(path)] == [("satu", "dua")]


def test_pairs(write) -> None:
    expected = [("satu dua", "tiga"), ("a", "b")]
    plain = read_pairs(write("in.txt", "satu dua\ttiga", "a\tb"))
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
        (read_texts, "in.jsonl", "[1]", "expected one object with 'text'"),
        (read_texts, "in.jsonl", '{"text": 3}', 'expected {"text": "..."}'),
        (read_texts, "in.jsonl", '{"text": " "}', "empty text"),
        (read_texts, "in.jsonl", '{"text": "a\\ud800"}', "lone surrogate"),
        (read_texts, "in.jsonl", "[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_texts_are_named(read, name, line, reason, write) -> None:
    path = write(name, line)
    with pytest.raises(DataError) as caught:
        list(read(path))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:1: ") and reason in problem
    with pytest.raises(UserError, match="holds no text"):
        list(read(path, strict=False))


def test_lenient_reading_of_pairs(write, caplog) -> None:
    assert len(list(read_pairs(write("in.txt", "a\tb", "c"), strict=False))) == 1
    assert "1 problem" in caplog.text and "1 skipped" in caplog.text


def test_questions_in_json_lines(write) -> None:
    lines = [{"question": "Siapa dia?", "passage": ["Budi Utomo", "."], "id": 7}, {"question": ["a"], "passage": "b c"}]
    text = "\n\n".join(json.dumps(line) for line in lines)
    first, second = read_questions(write("in.jsonl", text))
    assert (first.question, first.passage, first.tags) == (("Siapa", "dia", "?"), ("Budi Utomo", "."), None)
    assert second.passage == ("b", "c")
    assert second.origin.endswith("in.jsonl:3")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no valid JSON"),
        ("[" * 100_000, "nested too deeply|no valid JSON"),
        ("[]", "expected one object with 'question', 'passage'"),
        ('{"question": "a"}', "expected {"),
        ('{"question": "a", "passage": " "}', "passage is a list of texts"),
        ('{"question": [], "passage": "b"}', "question is a list of texts"),
        ('{"question": "a", "passage": {"b": 1}}', "passage is a list of texts"),
        ('{"question": "a", "passage": "\\ud800"}', "half a character"),
    ],
)
def test_bad_questions_are_named(write, line, reason) -> None:
    path = write("in.jsonl", line)
    with pytest.raises(DataError, match=reason) as caught:
        list(read_questions(path))
    assert caught.value.problems[0].startswith(f"{path}:1: ")


def test_an_empty_file_of_questions_is_refused(write) -> None:
    with pytest.raises(UserError, match="holds no question"):
        list(read_questions(write("in.jsonl", "")))
