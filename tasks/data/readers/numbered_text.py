"""Texts of a file with their numbers, so that what is made of them can be joined to the file again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elmo_xlstm.embedding.vector_files import TextRow
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.columns import csv_rows
from elmo_xlstm.tasks.data.readers.json_lines import parse_json
from elmo_xlstm.tasks.data.readers.new_text import JSON_LINES_SUFFIXES, SENTENCE, TABLE_SUFFIXES
from elmo_xlstm.tasks.data.readers.problems import filled_lines, read_lines
from elmo_xlstm.text.sources.files import format_suffix
from elmo_xlstm.text.words import split_words

STANDARD_INPUT = Path("/dev/stdin")
NO_ROW = "no row of a table ({}); mend the row's quotes"


def read_numbered(source: Path, column: str = "text", tokenized: bool = False) -> Iterator[TextRow]:
    """Read texts one at a time: those of a table's column, of JSON lines, or one a line.

    A blank line of a text file is a text without words: number n is line n + 1.

    Args:
        source: CSV, TSV, JSON lines, or plain text, by its name; ``-`` is standard input, plain text.
        column: of a table, or key of JSON objects that have no ``words``.
        tokenized: words are separated by spaces.

    Raises:
        UserError: the file cannot be read, or a row has no text.
    """
    path = STANDARD_INPUT if str(source) == "-" else source
    suffix = format_suffix(path)
    if suffix in TABLE_SUFFIXES:
        texts = _of_table(path, column, "," if suffix == ".csv" else "\t")
    elif suffix in JSON_LINES_SUFFIXES:
        texts = _of_json_lines(path, column)
    else:
        texts = ((line.strip(), None) for line in read_lines(path))
    for index, (text, words) in enumerate(texts):
        if words is None:
            words = text.split() if tokenized else split_words(text)
        yield TextRow(index, text, words)


def _of_table(path: Path, column: str, separator: str) -> Iterator[tuple[str, None]]:
    rows = csv_rows(path, NO_ROW, separator)
    _, header = next(rows, (0, []))
    if header.count(column) != 1:
        raise UserError(f"{path}: --column {column}: expected one of the columns {', '.join(header)}")
    place = header.index(column)
    for line, row in rows:
        if len(row) != len(header):
            raise UserError(f"{path}:{line}: {len(row)} columns, expected {len(header)} as in the first row")
        yield row[place], None


def _of_json_lines(path: Path, key: str) -> Iterator[tuple[str, list[str] | None]]:
    expected = SENTENCE.replace('"text"', f'"{key}"')
    for origin, line in filled_lines(path):
        try:
            value = parse_json(line, expected)
        except ValueError as error:
            raise UserError(f"{origin}: {error}") from None
        words, text = (value.get("words"), value.get(key)) if isinstance(value, dict) else (None, None)
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            yield " ".join(words), words
        elif isinstance(text, str):
            yield text, None
        else:
            raise UserError(f"{origin}: {expected}")
