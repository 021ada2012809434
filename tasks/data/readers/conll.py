"""Sentences from column files: a word and its tag on each line, a blank line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import Reading, TaggedSentence
from elmo_xlstm.tasks.data.readers.columns import (
    is_header,
    most_common,
    other_separator,
    shown_separator,
    split_columns,
)
from elmo_xlstm.tasks.data.readers.problems import end_of_file, read_lines
from elmo_xlstm.tasks.data.readers.rows import read_label

DOCUMENT_START = "-DOCSTART-"
RANGE = re.compile(r"\d+[-.]\d+")


class ConllReader:
    """Reads CoNLL files with the columns that the settings name.

    Args:
        config: which columns.
        strict: refuse a file with problems; false skips each sentence that has one, and counts.
        label_names: what tags of the file are called instead.
    """

    class Config(Settings):
        """Settings of a column file."""

        type: Literal["conll"] = "conll"
        word_column: int = 0
        """Column of the words, counted from 0; -1 is the last."""
        tag_column: int | None = 1
        """Column of the tags, counted from 0; -1 is the last; null reads unlabelled text."""
        separator: Annotated[str, Field(min_length=1)] | None = "\t"
        """Separator of columns: a tab only, unless set, because words may hold spaces; null takes any run of
        spaces and tabs; other blanks, such as a no-break space, are part of a word then."""
        columns: int | None = Field(default=None, ge=1)
        """How many columns each line must have; null takes the number that most lines have."""
        header: bool = False
        """Whether the first line names the columns; it is then skipped."""
        skip_document_start: bool = True
        """Skip lines whose word is -DOCSTART-; they also end a sentence."""
        comment: Annotated[str, Field(min_length=1)] | None = None
        """Skip lines that begin so: '# ' in CoNLL-U files."""
        id_column: int | None = None
        """Column of word numbers in CoNLL-U files, 0; lines of several words together (4-5) and of words that are not
        written (4.1) are skipped, as the words of the former follow one by one."""

        def build(self, strict: bool = True, label_names: Mapping[str, str] | None = None) -> ConllReader:
            """Make the reader."""
            return ConllReader(self, strict, label_names)

    def __init__(self, config: Config, strict: bool = True, label_names: Mapping[str, str] | None = None) -> None:
        """Keep the settings."""
        self.config = config
        self.strict = strict
        self.label_names = dict(label_names or {})

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading[TaggedSentence]:
        """Read one file.

        Args:
            path: UTF-8, with or without byte order mark; .gz, .bz2, .xz and .zst are decompressed.
            labels: the tags that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and the file has problems: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no sentence; the separator is not that of the file; or
                the first line names the columns.
        """
        known = None if labels is None else frozenset(labels)
        sentences: list[TaggedSentence] = []
        problems: list[str] = []
        skipped = 0
        words: list[str] = []
        tags: list[str] = []
        first, bad = 0, False
        rows = list(self._rows(path))
        columns = self._count_columns(path, rows)

        def end_sentence() -> None:
            nonlocal words, tags, first, bad, skipped
            if bad:
                skipped += 1
            elif words:
                found = tuple(tags) if self.config.tag_column is not None else None
                sentences.append(TaggedSentence(tuple(words), found, f"{path}:{first}"))
            words, tags, first, bad = [], [], 0, False

        for number, values in rows:
            if not values:
                end_sentence()
                continue
            first = first or number
            reasons, word, tag = self._parse(values, columns, known)
            if reasons:
                bad = True
                problems.extend(f"{path}:{number}: {reason}" for reason in reasons)
            else:
                words.append(word)
                tags.append(tag)
        end_sentence()
        end_of_file(path, bool(sentences), problems, skipped, "sentence", self.strict)
        return Reading(tuple(sentences), tuple(problems), skipped)

    def _rows(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        """The values of each line, with its number; none where a sentence ends."""
        config = self.config
        header = config.header
        for number, line in enumerate(read_lines(path), start=1):
            if not line.strip():
                yield number, []
                continue
            if config.comment is not None and line.startswith(config.comment):
                continue
            if header:
                header = False
                continue
            values = split_columns(line, config.separator)
            if config.skip_document_start and self._word(values) == DOCUMENT_START:
                yield number, []
            elif config.id_column is None or not self._is_no_word(values):
                yield number, values

    def _word(self, values: list[str]) -> str:
        """The word of a line, or its first value where it has too few."""
        place = self.config.word_column
        return values[place if -len(values) <= place < len(values) else 0].strip()

    def _count_columns(self, path: Path, lines: Sequence[tuple[int, list[str]]]) -> int:
        """How many columns each line should have: as many as most have.

        Raises:
            UserError: word and tag would be the same column, or the first line names the columns.
        """
        config = self.config
        filled = [(number, values) for number, values in lines if values]
        usual = most_common(len(values) for _, values in filled)
        columns = config.columns or usual
        if config.tag_column is None or not filled:
            return columns
        if usual == 1:
            remedy = other_separator([(config.separator or " ").join(values) for _, values in filled], config.separator)
            raise UserError(
                f"{path}: most lines have one column (separated by {shown_separator(config.separator)}), so that there "
                f"is no tag beside the word; {remedy}"
            )
        place = range(columns)
        try:
            word_place, tag_place = place[config.word_column], place[config.tag_column]
        except IndexError:
            return columns  # reported for each line
        if word_place == tag_place:
            raise UserError(
                f"{path}: word_column {config.word_column} and tag_column {config.tag_column} are the same of "
                f"{columns} columns; name two"
            )
        rows = [(number, values[word_place], values[tag_place]) for number, values in filled if len(values) == columns]
        if is_header([row[1:2] for row in rows], [row[2:] for row in rows]):
            number, word, tag = rows[0]
            raise UserError(
                f"{path}:{number}: '{word}' and '{tag}' are names of columns, not a word and its tag; set header: true "
                "to skip this line"
            )
        return columns

    def _is_no_word(self, values: list[str]) -> bool:
        """Whether a CoNLL-U line is one of several words together, or of a word that is not written."""
        place = self.config.id_column
        assert place is not None
        return -len(values) <= place < len(values) and RANGE.fullmatch(values[place]) is not None

    def _parse(self, values: list[str], columns: int, known: frozenset[str] | None) -> tuple[list[str], str, str]:
        """Problems of a line's values, its word and its tag."""
        if len(values) != columns:
            count = "1 column" if len(values) == 1 else f"{len(values)} columns"
            between = shown_separator(self.config.separator)
            return [f"{count}, expected {columns} (separated by {between})"], "", ""
        try:
            word = values[self.config.word_column].strip()
            tag = values[self.config.tag_column] if self.config.tag_column is not None else ""
        except IndexError:
            wanted = f"word column {self.config.word_column}, tag column {self.config.tag_column}"
            return [f"no such column among {columns}: {wanted}"], "", ""
        reasons = []
        if not word:
            reasons.append("empty token")
        if self.config.tag_column is not None:
            try:
                tag = read_label(tag, self.label_names, known)
            except ValueError as error:
                reasons.append(str(error))
        return reasons, word, tag
