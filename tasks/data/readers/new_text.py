"""New text to predict for, without labels: plain text, or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import LabelledText, QuestionPassage, TaggedSentence
from elmo_xlstm.tasks.data.readers.json_lines import parse_json
from elmo_xlstm.tasks.data.readers.problems import filled_lines, parse_rows
from elmo_xlstm.tasks.data.readers.questions import word_list
from elmo_xlstm.tasks.data.words import split_words
from elmo_xlstm.text.sources.files import format_suffix

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
SENTENCE = 'expected {"words": ["...", ...]} or {"text": "..."}'
QUESTION = 'expected {"question": ..., "passage": ...}, each a text or a list of words'
PAIR = ("first", "second")
"""The names of a pair's texts in JSON."""


def read_sentences(path: Path, strict: bool = True) -> Iterator[TaggedSentence]:
    """Read sentences without tags, one at a time.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"words": [...]}`` is taken
    as it is, ``{"text": "..."}`` is split into words (:func:`~elmo_xlstm.tasks.data.words.split_words`);
    other keys are ignored. Any other file is plain text, one sentence a line. Blank lines are passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no sentence.
        UserError: the file is a table, is missing or not UTF-8.
    """
    words_of = _words_of_object if is_json_lines(path) else split_words

    def parse(line: str, origin: str) -> TaggedSentence:
        return TaggedSentence(tuple(words_of(line)), None, origin)

    return parse_rows(path, filled_lines(path), parse, "sentence", strict)


def read_texts(path: Path, strict: bool = True) -> Iterator[LabelledText]:
    """Read texts without labels, one at a time.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"text": "..."}``; other keys are ignored.
    Any other file is plain text, one text a line. Blank lines are passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no text.
        UserError: the file is a table, is missing or not UTF-8.
    """
    return _read(path, is_json_lines(path), ("text",), lambda line: [line], strict)


def read_pairs(path: Path, strict: bool = True) -> Iterator[LabelledText]:
    """Read pairs of texts without labels, one at a time.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"first": "...", "second": "..."}``; other
    keys are ignored. Any other file holds a pair a line, a tab between the texts. Blank lines are passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no pair.
        UserError: the file is a table, is missing or not UTF-8.
    """
    return _read(path, is_json_lines(path, (".csv",)), PAIR, _columns, strict)


def read_questions(path: Path, strict: bool = True) -> Iterator[QuestionPassage]:
    """Read questions without tags, one at a time: a JSON object a line, ``{"question": ..., "passage": ...}``.

    A list of words is taken as it is, a text is split into words (:func:`~elmo_xlstm.tasks.data.words.split_words`);
    other keys are ignored, blank lines passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no question.
        UserError: the file is missing or not UTF-8.
    """

    def parse(line: str, origin: str) -> QuestionPassage:
        value = _object(line, QUESTION)
        if not {"question", "passage"} <= value.keys():
            raise ValueError(QUESTION)
        question, passage = (
            word_list(split_words(part) if isinstance(part := value[name], str) else part, name)
            for name in ("question", "passage")
        )
        return QuestionPassage(question, passage, None, origin)

    return parse_rows(path, filled_lines(path), parse, "question", strict)


def is_json_lines(path: Path, tables: Sequence[str] = TABLE_SUFFIXES) -> bool:
    """Whether a file, compressed or not, is to be read as JSON lines, by its name; else it is plain text.

    Args:
        path: its name.
        tables: endings of tables, whose header and other columns would be taken for text.

    Raises:
        UserError: it is a table.
    """
    if (suffix := format_suffix(path)) in tables:
        raise UserError(
            f"{path}: a {suffix[1:]} table cannot be predicted for; expected plain text, one a line, or JSON lines "
            f"(a file named {JSON_LINES_SUFFIXES[0]}): write the column with the texts into such a file"
        )
    return suffix in JSON_LINES_SUFFIXES


def _columns(line: str) -> list[str]:
    texts = line.split("\t")
    if len(texts) != 2:
        raise ValueError(f"{len(texts)} columns, expected two texts with a tab between them")
    return texts


def _read(
    path: Path, json_lines: bool, names: tuple[str, ...], split: Callable[[str], list[str]], strict: bool
) -> Iterator[LabelledText]:
    def parse(line: str, origin: str) -> LabelledText:
        texts: Sequence[str | Sequence[str]] = _texts_of_object(line, names) if json_lines else split(line)
        return LabelledText.of_texts(texts, None, origin)

    return parse_rows(path, filled_lines(path), parse, "text", strict)


def _texts_of_object(line: str, names: tuple[str, ...]) -> list[str | list[str]]:
    """The texts of one JSON line, or lists of their words.

    Raises:
        ValueError: says what is wrong with it.
    """
    expected = "expected {" + ", ".join(f'"{name}": "..."' for name in names) + "}"
    value = _object(line, expected)
    if not all(isinstance(value.get(name), str | list) for name in names):
        raise ValueError(expected)
    return [part if isinstance(part := value[name], str) else list(word_list(part, name)) for name in names]


def _words_of_object(line: str) -> list[str]:
    """The words of one JSON line.

    Raises:
        ValueError: says what is wrong with it.
    """
    value = _object(line, SENTENCE)
    if ("words" in value) == ("text" in value):
        raise ValueError(SENTENCE)
    if "text" in value:
        text = value["text"]
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"'text' must be a text that is not empty; {SENTENCE}")
        return split_words(text)
    words = value["words"]
    if not isinstance(words, list) or not words:
        raise ValueError(f"'words' must be a list that is not empty; {SENTENCE}")
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise ValueError(f"'words' holds something that is no word; {SENTENCE}")
    return words


def _object(line: str, expected: str) -> dict[str, Any]:
    value = parse_json(line, expected)
    if not isinstance(value, dict):
        raise ValueError(expected)
    return value
