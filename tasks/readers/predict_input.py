"""Unlabelled input for predictions: plain text, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.files import format_suffix
from tasks.readers.json_line import parse_json
from tasks.readers.problems import filled_lines, parse_rows
from tasks.readers.sentence import TaggedSentence
from tasks.readers.word_tokenizer import split_words

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
EXPECTED = 'expected {"words": ["...", ...]} or {"text": "..."}'


def read_predict_input(path: Path, strict: bool = True) -> Iterator[TaggedSentence]:
    """Read sentences without tags, one at a time.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"words": [...]}`` is taken
    as it is, ``{"text": "..."}`` is split into words (:func:`~tasks.readers.word_tokenizer.split_words`);
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

    return parse_rows(path, filled_lines(path), parse, "sentence", strict, [])


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


def _words_of_object(line: str) -> list[str]:
    """The words of one JSON line.

    Raises:
        ValueError: says what is wrong with it.
    """
    value = parse_json(line, EXPECTED)
    if not isinstance(value, dict) or ("words" in value) == ("text" in value):
        raise ValueError(EXPECTED)
    if "text" in value:
        text = value["text"]
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"'text' must be a text that is not empty; {EXPECTED}")
        return split_words(text)
    words = value["words"]
    if not isinstance(words, list) or not words:
        raise ValueError(f"'words' must be a list that is not empty; {EXPECTED}")
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise ValueError(f"'words' holds something that is no word; {EXPECTED}")
    return words
