"""Questions with passages, from CSV files of list columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import QuestionPassage, Reading
from elmo_xlstm.tasks.data.readers.columns import csv_rows
from elmo_xlstm.tasks.data.readers.literal import parse_literal, shown
from elmo_xlstm.tasks.data.readers.problems import cut, read_rows
from elmo_xlstm.tasks.data.readers.rows import HALF_CHARACTER, SURROGATE

COLUMNS = ("question", "passage", "seq_label")


class QuestionReader(Settings):
    """Reads CSV files whose columns question, passage and seq_label each hold a Python list of texts."""

    strict: bool = True
    """Refuse a file with bad rows; false skips and counts them."""

    def read(self, path: Path, labels: Collection[str]) -> Reading[QuestionPassage]:
        """Read one file.

        Args:
            path: UTF-8; fields may be quoted and hold commas and line ends.
            labels: the tags that may occur.

        Raises:
            DataError: strict, and rows are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no question.
        """

        def parse(row: list[str], origin: str) -> QuestionPassage:
            if len(row) != len(COLUMNS):
                raise ValueError(f"{len(row)} columns, expected {len(COLUMNS)}")
            fields = zip(row, COLUMNS, strict=True)
            question, passage, tags = (word_list(parse_literal(field), name) for field, name in fields)
            unknown = sorted(set(tags) - set(labels))
            if unknown:
                known = ", ".join(sorted(labels))
                raise ValueError(f"unknown label {', '.join(map(repr, unknown[:5]))}; expected {known}")
            return QuestionPassage(question, passage, tags, origin)

        return read_rows(path, _rows(path), parse, "question", self.strict)


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each row but the header."""
    rows = csv_rows(path, "not CSV ({}); mend the row's quotes")
    _, header = next(rows, (1, []))
    if tuple(header) != COLUMNS:
        raise UserError(f"{path}:1: columns are {cut(', '.join(header)) or 'none'}; expected {', '.join(COLUMNS)}")
    yield from ((f"{path}:{line}", row) for line, row in rows)


def word_list(value: Any, name: str) -> tuple[str, ...]:
    """The words of a list, checked.

    Raises:
        ValueError: it is no list of texts, or one of them is empty.
    """
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word.strip() for word in value):
        raise ValueError(f"{name} is a list of texts, none of them empty, not {shown(value)}")
    if any(SURROGATE.search(word) for word in value):
        raise ValueError(HALF_CHARACTER)
    return tuple(value)
