from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.json_lines import LabelledJsonReader, TaggedJsonReader
from elmo_xlstm.tasks.data.readers.problems import DataError


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        path = tmp_path / "data.jsonl"
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
        return path

    return write


def labelled(path, labels=None, **values):
    return validate(LabelledJsonReader, values).read(path, labels)


def tagged(path, labels=None, **values):
    return validate(TaggedJsonReader, values).read(path, labels)


def test_texts_with_labels(write) -> None:
    path = write({"id": 1, "text": "Enak!", "label": "pos"}, "", {"label": 0, "text": "buruk\nsekali"})
    reading = labelled(path, label_names={"0": "neg"})
    assert [example.texts for example in reading.examples] == [("Enak!",), ("buruk\nsekali",)]
    assert [example.labels for example in reading.examples] == [("pos",), ("neg",)]
    assert [example.origin for example in reading.examples] == [f"{path}:1", f"{path}:3"]


def test_pairs_and_aspects(write) -> None:
    path = write({"a": "satu", "b": "dua", "x": "p", "y": None})
    keys = {"text_keys": ["b", "a"], "label_keys": ["x", "y"]}
    example = labelled(path, label_names={"": "n"}, **keys).examples[0]
    assert example.texts == ("dua", "satu") and example.labels == ("p", "n")
    assert labelled(write({"a": "satu", "b": "dua"}), label_names={"": "n"}, **keys).examples[0].labels == ("n", "n")


BAD = [
    ("{", "no valid JSON (Expecting property name enclosed in double quotes at column 2); expected one object with "),
    ("[1]", "expected one object with the keys 'text', 'label' a line, found a list"),
    ({"text": "a", "lable": "x"}, "no key 'label'; there are: 'text', 'lable'"),
    ({"text": 3, "label": "x"}, "expected a text in column 'text', found a number"),
    ({"text": None, "label": "x"}, "expected a text in column 'text', found nothing"),
    ({"text": " ", "label": "x"}, "empty text in column 'text'"),
    ({"text": "a", "label": None}, "empty label in column 'label'"),
    ({"text": "a", "label": ["x"]}, "expected a label in column 'label' as a text or a whole number, found a list"),
    ({"text": "a", "label": "z"}, "unknown label 'z' in column 'label'"),
    ('{"text": "a\\ud800", "label": "x"}', "holds half a character"),
    ("[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=range(len(BAD)))
def test_bad_rows_are_named(row, reason, write) -> None:
    path = write({"text": "a", "label": "x"}, row)
    with pytest.raises(DataError) as caught:
        labelled(path, labels=["x"])
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:2: {reason}")


def test_bad_rows_are_skipped_and_counted(write, caplog) -> None:
    reading = labelled(write({"text": "a", "label": "x"}, *(row for row, _ in BAD)), labels=["x"], strict=False)
    assert len(reading.examples) == 1 and reading.skipped == len(reading.problems) == len(BAD)
    assert f"{len(BAD)} skipped" in caplog.text


def test_sentences_with_tags(write) -> None:
    path = write({"words": ["Kota Batu", "indah"], "tags": ["B-LOC", "O"]}, {"words": ["a"], "tags": ["O"]})
    reading = tagged(path)
    assert [s.words for s in reading.examples] == [("Kota Batu", "indah"), ("a",)]
    assert reading.examples[0].tags == ("B-LOC", "O") and reading.examples[1].origin == f"{path}:2"
    numbers = write({"tokens": ["a", "b"], "ner": [1, 0]})
    read = tagged(numbers, words_key="tokens", tags_key="ner", label_names={"0": "O", "1": "B-LOC"})
    assert read.examples[0].tags == ("B-LOC", "O")


BAD_TAGGED = [
    ({"words": ["a"], "tags": ["O", "O"]}, "1 words in 'words' but 2 tags in 'tags'"),
    ({"words": "a b", "tags": ["O"]}, "expected a list in 'words', one item for each word, found a text"),
    ({"words": [], "tags": []}, "expected a list in 'words', one item for each word, found an empty list"),
    ({"words": ["a", " "], "tags": ["O", "O"]}, "expected a word at place 2 of 'words', found an empty text"),
    ({"words": ["a", 1], "tags": ["O", "O"]}, "expected a word at place 2 of 'words', found a number"),
    ({"words": ["a", "b"], "tags": ["O", "B-LOX"]}, "unknown label 'B-LOX' at place 2 of 'tags'; did you mean 'B-LOC'"),
    ({"words": ["a", "b"], "tags": ["O", None]}, "empty label at place 2 of 'tags'"),
    ({"word": ["a"], "tags": ["O"]}, "no key 'words'; there are: 'word', 'tags'"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_TAGGED, ids=range(len(BAD_TAGGED)))
def test_bad_sentences_are_named(row, reason, write) -> None:
    path = write(row)
    with pytest.raises(DataError) as caught:
        tagged(path, labels=["O", "B-LOC"])
    assert caught.value.problems[0].startswith(f"{path}:1: {reason}")


@given(st.lists(st.text(st.characters(codec="utf-8")).filter(str.strip), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_whatever_json_writes_is_read_again(tmp_path_factory, words) -> None:
    path = tmp_path_factory.mktemp("json") / "data.jsonl"
    path.write_text(json.dumps({"words": words, "tags": ["O"] * len(words)}) + "\n")
    assert tagged(path).examples[0].words == tuple(word.strip() for word in words)


def test_files_without_rows(write) -> None:
    for read, what in ((labelled, "text"), (tagged, "sentence")):
        with pytest.raises(UserError, match=f"holds no {what}"):
            read(write(""), strict=False)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="text_keys"):
        validate(LabelledJsonReader, {"text_keys": []})
    with pytest.raises(ConfigError, match="words_key"):
        validate(TaggedJsonReader, {"words_key": ""})
