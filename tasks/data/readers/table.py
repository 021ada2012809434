"""Labelled texts from CSV and TSV files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import Field

from elmo_xlstm.config import Settings, suggestion
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import LabelledText, Reading
from elmo_xlstm.tasks.data.readers.columns import csv_rows, is_header, most_common, other_separator, shown_separator
from elmo_xlstm.tasks.data.readers.problems import cut, read_rows
from elmo_xlstm.tasks.data.readers.rows import labelled_row

NO_ROW = "no row of a table ({}); mend the row's quotes, or set quoted: false where quotes are part of the text"
Column = str | int
Columns = Annotated[tuple[Column, ...], Field(min_length=1)]


class TableReader(Settings):
    """Reads files of rows and columns, of which some are texts and some are labels."""

    text_columns: Columns = ("text",)
    """Columns of the texts, by name or counted from 0 (-1 is the last): one, or two for pairs."""
    label_columns: Columns = ("label",)
    """Columns of the labels: one, or one for each aspect."""
    label_names: dict[str, str] = {}
    """New names for labels of the file."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Character between columns."""
    quoted: bool = True
    """Whether fields may stand in double quotes, and then hold separators and line ends."""
    header: bool = True
    """Whether the first row names the columns."""
    strict: bool = True
    """Refuse a file with problems; false skips each row that has one, and counts."""

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading[LabelledText]:
        """Read one file.

        Args:
            path: UTF-8, with or without byte order mark; .gz, .bz2, .xz and .zst are decompressed.
            labels: those that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and rows are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8, no table, lacks a column or holds no text; the separator is not
                that of the file; or the first row names the columns.
        """
        rows = list(csv_rows(path, NO_ROW, self.separator, self.quoted))
        line, header = rows.pop(0) if self.header and rows else (1, None)
        columns = most_common(len(row) for _, row in rows) if header is None else len(header)
        if columns == 1:
            lines = [self.separator.join(row) for row in ([header] if header else []) + [row for _, row in rows]]
            raise UserError(
                f"{path}: one column (separated by {shown_separator(self.separator)}), where texts and labels should "
                f"stand in several; {other_separator(lines, self.separator)}"
            )
        wanted = (*self.text_columns, *self.label_columns) if columns else ()
        places = {column: self._place(f"{path}:{line}", column, header, columns) for column in wanted}
        self._refuse_mistaken(path, rows, header, columns, places)

        def parse(row: list[str], origin: str) -> LabelledText:
            return self._parse(row, columns, places, labels, origin)

        return read_rows(path, ((f"{path}:{number}", row) for number, row in rows), parse, "text", self.strict)

    def _refuse_mistaken(
        self,
        path: Path,
        rows: Sequence[tuple[int, list[str]]],
        header: list[str] | None,
        columns: int,
        places: Mapping[Column, int],
    ) -> None:
        """Refuse a column that is read as two, and names of columns that are read as a text and its label."""
        for (one, place), (two, other) in combinations(places.items(), 2):
            if place == other:
                raise UserError(f"{path}: columns {one!r} and {two!r} are the same of {columns} columns; name two")
        good = [(line, row) for line, row in rows if len(row) == columns]
        texts, labels = (
            [[row[places[column]] for column in chosen] for _, row in good]
            for chosen in (self.text_columns, self.label_columns)
        )
        if header is None and is_header(texts, labels):
            names = ", ".join(good[0][1])
            raise UserError(f"{path}:{good[0][0]}: {cut(names)} are names of columns; set header: true")

    def _parse(
        self, row: list[str], columns: int, places: Mapping[Column, int], known: Collection[str] | None, origin: str
    ) -> LabelledText:
        """The example of one row.

        Raises:
            ValueError: says what is wrong with it.
        """
        if len(row) != columns:
            between = shown_separator(self.separator)
            count = "1 column" if len(row) == 1 else f"{len(row)} columns"
            raise ValueError(f"{count}, expected {columns} (separated by {between})")
        texts = {str(column): row[places[column]] for column in self.text_columns}
        labels = {str(column): row[places[column]] for column in self.label_columns}
        return labelled_row(texts, labels, self.label_names, known, origin)

    def _place(self, origin: str, column: Column, header: list[str] | None, columns: int) -> int:
        """The number of a column."""
        if isinstance(column, int):
            if not -columns <= column < columns:
                raise UserError(
                    f"{origin}: {columns} columns, so none with the number {column} (counted from 0, separated by "
                    f"{shown_separator(self.separator)}); check the file and the column's number"
                )
            return column % columns
        if header is None:
            raise UserError(
                f"{origin}: column '{column}' is named, but there is no header; give its number, or header: true"
            )
        if header.count(column) != 1:
            how = "is not" if column not in header else "is more than once"
            hint = cut(suggestion(column, header)) if column not in header else "give its number"
            names = cut(", ".join(header))
            raise UserError(f"{origin}: column '{column}' {how} among the columns {names}; {hint}")
        return header.index(column)
