"""Rows of files and pipes to predict for, one at a time: plain text, JSON lines, tables, column files, Parquet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from elmo_xlstm.config import suggestion
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.columns import csv_rows, split_columns
from elmo_xlstm.tasks.data.readers.conll import DOCUMENT_START, RANGE
from elmo_xlstm.tasks.data.readers.json_lines import parse_object
from elmo_xlstm.tasks.data.readers.problems import cut, read_lines
from elmo_xlstm.text.sources.files import format_suffix

InputFormat = Literal["text", "jsonl", "csv", "tsv", "conll", "parquet"]
SUFFIXES: dict[str, InputFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".conll": "conll",
    ".conllu": "conll",
    ".parquet": "parquet",
}
LINE = "line"
"""The value of a row of plain text."""
WORDS = "words"
"""The key of words that are given one by one."""
PARQUET_ROWS = 512
NO_ROW = "no row of a table ({}); mend the row's quotes"


@dataclass(frozen=True)
class InputRow:
    """A row to predict for.

    Attributes:
        number: of the row in its file, from 1: of plain text and JSON lines the line's, of tables that of the row under
            the header, of column files the sentence's.
        origin: ``file:number`` of the line where it begins, for messages.
        values: by name.
        columns: that are asked for in place of the usual ones; empty for these.
        problem: that the row itself has; it has no values then.
    """

    number: int
    origin: str
    values: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    problem: str = ""


def input_format(path: Path, asked: str | None) -> InputFormat:
    """The format of a file: the one that is asked for, or by the file's name; plain text else.

    Raises:
        UserError: there is no such format.
    """
    if asked is None:
        return SUFFIXES.get(format_suffix(path), "text")
    for known in get_args(InputFormat):
        if asked == known:
            found: InputFormat = known
            return found
    raise UserError(f"--input-format {asked}: expected {', '.join(get_args(InputFormat))}")


def read_input(path: Path, form: InputFormat, usual: Sequence[str], columns: Sequence[str] = ()) -> Iterator[InputRow]:
    """The rows of a file or pipe that are not blank.

    Args:
        path: UTF-8, decompressed by its suffix, or Parquet.
        form: how it is read.
        usual: names of the columns or keys of the texts.
        columns: that are asked for instead.

    Raises:
        UserError: the file is missing, not UTF-8 or not of this format, or a table lacks a column.
    """
    match form:
        case "text":
            rows = ((number, {LINE: line}) for number, line in enumerate(read_lines(path), 1) if line.strip())
        case "jsonl":
            return _json_rows(path, usual, tuple(columns))
        case "csv" | "tsv":
            return _table_rows(path, _separator(path) if form == "csv" else "\t", usual, columns)
        case "conll":
            return _sentences(path, columns)
        case "parquet":
            return _parquet_rows(path, usual, columns)
    return (InputRow(number, f"{path}:{number}", values) for number, values in rows)


def _json_rows(path: Path, usual: Sequence[str], columns: tuple[str, ...]) -> Iterator[InputRow]:
    expected = "one object with " + ", ".join(f"'{name}'" for name in columns or usual)
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            values, problem = parse_object(line, expected), ""
        except ValueError as error:
            values, problem = {}, str(error)
        yield InputRow(number, f"{path}:{number}", values, columns, problem)


def _separator(path: Path) -> str:
    """What stands most often in the header of a file: a comma, or a semicolon where commas are for decimals."""
    header = next(read_lines(path), "") if path.is_file() else ""  # a pipe is read once
    return max(",;\t|", key=header.count)


def _table_rows(path: Path, separator: str, usual: Sequence[str], asked: Sequence[str]) -> Iterator[InputRow]:
    rows = csv_rows(path, NO_ROW, separator)
    line, header = next(rows, (1, []))
    if not header:
        return
    columns = _columns(f"{path}:{line}", header, usual, asked)
    if len(set(header)) != len(header):
        raise UserError(f"{path}:{line}: two columns have the same name: {cut(', '.join(header))}; rename one")
    for number, (line, row) in enumerate(rows, start=1):
        problem = "" if len(row) == len(header) else f"{len(row)} columns, expected {len(header)}"
        yield InputRow(number, f"{path}:{line}", dict(zip(header, row, strict=False)), columns, problem)


def _parquet_rows(path: Path, usual: Sequence[str], asked: Sequence[str]) -> Iterator[InputRow]:
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise UserError(f"{path}: no such file; Parquet is read from a file, not from a pipe")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = _columns(str(path), file.schema_arrow.names, usual, asked)
            number = 0
            for batch in file.iter_batches(batch_size=PARQUET_ROWS, use_threads=False):
                for values in batch.to_pylist():
                    number += 1
                    yield InputRow(number, f"{path}:{number}", values, columns)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({cut(str(error))}); write it anew") from None


def _columns(origin: str, names: Sequence[str], usual: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that hold the texts: those asked for, the usual ones, or the only one.

    Raises:
        UserError: there are none.
    """
    if not asked and len(names) == len(usual) == 1:
        return tuple(names)
    if not asked and usual == ("text",) and WORDS in names:
        return (WORDS,)
    wanted = tuple(asked or usual)
    if missing := [name for name in wanted if name not in names]:
        remedy = cut(suggestion(missing[0], list(names))) if asked else "name the column of the texts with --column"
        raise UserError(f"{origin}: no column '{missing[0]}' among {cut(', '.join(names)) or 'none'}; {remedy}")
    return wanted


def _sentences(path: Path, columns: Sequence[str]) -> Iterator[InputRow]:
    """Sentences of a column file: words and, if there are any, the other columns of each; comments are values, too.

    Columns stand between tabs if the first line has one, else between blanks. The words are in the first column, or
    the second of CoNLL-U, or in the column that is named by its number, from 0.
    """
    in_unified_format = format_suffix(path) == ".conllu"
    if len(columns) > 1 or any(not column.isdecimal() for column in columns):
        raise UserError(f"{path}: --column is the number of the words' column here, from 0")
    word_place = int(columns[0]) if columns else int(in_unified_format)
    blocks = itertools.groupby(enumerate(read_lines(path), start=1), key=lambda line: not line[1].strip())
    separator: str | None = ""
    number = 0
    for blank, block in blocks:
        if blank:
            continue
        first, lines, comments = 0, [], {}
        for line_number, line in block:
            first = first or line_number
            if line.startswith("# ") and (in_unified_format or "=" in line):
                name, _, value = line[2:].partition("=")
                comments[name.strip()] = value.strip()
                continue
            if separator == "":
                separator = "\t" if "\t" in line else None
            values = split_columns(line, separator)
            if values[0] != DOCUMENT_START and not (in_unified_format and RANGE.fullmatch(values[0])):
                lines.append(values)
        if not lines:
            continue
        number += 1
        problem = next((f"no column {word_place} in a line" for line in lines if len(line) <= word_place), "")
        comments.pop("text", None)  # the words are what is read
        row: dict[str, Any] = {} if problem else {WORDS: [line.pop(word_place).strip() for line in lines]}
        row |= {"columns": lines} if any(lines) else {}
        yield InputRow(number, f"{path}:{first}", comments | row, (), problem)
