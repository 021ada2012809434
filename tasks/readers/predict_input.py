"""Unlabelled input for predictions: plain text, or JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.compression import format_suffix
from tasks.readers.json_line import parse_json
from tasks.readers.problems import read_lines, refuse_or_warn
from tasks.readers.sentence import Reading, TaggedSentence
from tasks.readers.word_tokenizer import split_words

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
EXPECTED = 'expected {"words": ["...", ...]} or {"text": "..."}'


def read_predict_input(path: Path, strict: bool = True) -> Reading:
    """Read sentences without tags.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"words": [...]}`` is taken
    as it is, ``{"text": "..."}`` is split into words (:func:`~tasks.readers.word_tokenizer.split_words`);
    other keys are ignored. Any other file is plain text, one sentence a line. Blank lines are passed over.

    Args:
        path: UTF-8.
        strict: refuse a file with bad lines; false skips and counts them.

    Raises:
        DataError: strict, and lines are bad: all are counted, the first twenty listed.
        UserError: the file is a table, is missing, not UTF-8 or holds no sentence.
    """
    json_lines = is_json_lines(path)
    sentences: list[TaggedSentence] = []
    problems: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        origin = f"{path}:{number}"
        try:
            words = _words_of_object(line) if json_lines else split_words(line)
            sentences.append(TaggedSentence(tuple(words), None, origin))
        except ValueError as error:
            problems.append(f"{origin}: {error}")
    skipped = len(problems)
    refuse_or_warn(path, problems, skipped, strict)
    if not sentences:
        problems.append(f"{path}: holds no sentence")
        refuse_or_warn(path, problems, skipped, strict=True)
    return Reading(tuple(sentences), tuple(problems), skipped)


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
