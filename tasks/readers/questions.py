"""Questions with passages: CSV files of list columns, and JSON lines to predict."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError
from tasks.readers.json_line import HALF_CHARACTER, SURROGATE, parse_json
from tasks.readers.literal import parse_literal, shown
from tasks.readers.problems import cut, filled_lines, parse_rows, read_lines
from tasks.readers.word_tokenizer import split_words

COLUMNS = ("question", "passage", "seq_label")
EXPECTED = 'expected {"question": ..., "passage": ...}, each a text or a list of words'


@dataclass(frozen=True)
class QuestionPassage:
    """A question and the passage that answers it.

    Attributes:
        question: its words, at least one.
        passage: its words, at least one.
        tags: one for each word of the passage; ``None`` where they are not known.
        origin: ``file:line`` where it begins.
    """

    question: tuple[str, ...]
    passage: tuple[str, ...]
    tags: tuple[str, ...] | None
    origin: str

    def __post_init__(self) -> None:
        """Refuse tags that are not one for each word."""
        if self.tags is not None and len(self.tags) != len(self.passage):
            raise ValueError(f"{len(self.passage)} words in the passage but {len(self.tags)} labels")


@dataclass(frozen=True)
class QuestionReading:
    """All that a lenient or strict reading of one file found.

    Attributes:
        sentences: the questions without a problem, in the file's order.
        problems: one line each, ``file:line: reason``; always empty after a strict reading.
        skipped: how many rows were left out because of problems.
    """

    sentences: tuple[QuestionPassage, ...]
    problems: tuple[str, ...] = ()
    skipped: int = 0


def read_questions(path: Path, labels: Collection[str], strict: bool = True) -> QuestionReading:
    """Read a CSV file whose columns question, passage and seq_label each hold a Python list of texts.

    Args:
        path: UTF-8; fields may be quoted and hold commas and line ends.
        labels: the tags that may occur.
        strict: refuse a file with bad rows; false skips and counts them.

    Raises:
        DataError: strict, and rows are bad: all are counted, the first twenty listed.
        UserError: the file is missing, not UTF-8 or holds no question.
    """
    problems: list[str] = []

    def parse(row: list[str], origin: str) -> QuestionPassage:
        return _of_row(row, labels, origin)

    found = tuple(parse_rows(path, _rows(path), parse, "question", strict, problems))
    return QuestionReading(found, tuple(problems), len(problems))


def read_question_input(path: Path, strict: bool = True) -> Iterator[QuestionPassage]:
    """Read questions without tags, one at a time: a JSON object a line, ``{"question": ..., "passage": ...}``.

    A list of words is taken as it is, a text is split into words (:func:`~tasks.readers.word_tokenizer.split_words`);
    other keys are ignored, blank lines passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no question.
        UserError: the file is missing or not UTF-8.
    """
    return parse_rows(path, filled_lines(path), _of_object, "question", strict, [])


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank with the line where it begins, but for the header."""
    rows = csv.reader((f"{line}\n" for line in read_lines(path)), strict=True)
    line = 1
    try:
        header = next(rows, [])
        if tuple(header) != COLUMNS:
            raise UserError(f"{path}:1: columns are {cut(', '.join(header)) or 'none'}; expected {', '.join(COLUMNS)}")
        line = rows.line_num + 1
        for row in rows:
            if row:
                yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        # What follows cannot be told apart any more, so that nothing is skipped here.
        raise UserError(f"{path}:{line}: not CSV ({error}); mend the row's quotes") from None


def _of_row(row: list[str], labels: Collection[str], origin: str) -> QuestionPassage:
    """The question of one CSV row.

    Raises:
        ValueError: says what is wrong with it.
    """
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns, expected {len(COLUMNS)}")
    question, passage, tags = (_texts(parse_literal(field), name) for field, name in zip(row, COLUMNS, strict=True))
    unknown = sorted(set(tags) - set(labels))
    if unknown:
        raise ValueError(f"unknown label {', '.join(map(repr, unknown[:5]))}; expected {', '.join(sorted(labels))}")
    return QuestionPassage(question, passage, tags, origin)


def _of_object(line: str, origin: str) -> QuestionPassage:
    """The question of one JSON line.

    Raises:
        ValueError: says what is wrong with it.
    """
    value = parse_json(line, EXPECTED)
    if not isinstance(value, dict) or not {"question", "passage"} <= value.keys():
        raise ValueError(EXPECTED)
    question, passage = (
        _texts(split_words(part) if isinstance(part := value[name], str) else part, name)
        for name in ("question", "passage")
    )
    return QuestionPassage(question, passage, None, origin)


def _texts(value: Any, name: str) -> tuple[str, ...]:
    """A list of texts, none of them empty."""
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word.strip() for word in value):
        raise ValueError(f"{name} is a list of texts, none of them empty, not {shown(value)}")
    if any(SURROGATE.search(word) for word in value):
        raise ValueError(HALF_CHARACTER)
    return tuple(value)
