"""Sentences from column files: a word and its tag on each line, a blank line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from elmo_xlstm.config import Settings
from tasks.readers.label_values import read_label
from tasks.readers.problems import read_lines, refuse_or_warn
from tasks.readers.sentence import Reading, TaggedSentence

__all__ = ["ConllReader", "Reading", "TaggedSentence"]

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
        """What stands between columns: a tab only, unless set, because words may hold spaces; null takes any run of
        spaces and tabs."""
        columns: int | None = Field(default=None, ge=1)
        """How many columns each line must have; null takes the number of the first line."""
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

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading:
        """Read one file.

        Args:
            path: UTF-8, with or without byte order mark and carriage returns.
            labels: the tags that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and the file has problems: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no sentence.
        """
        known = None if labels is None else frozenset(labels)
        sentences: list[TaggedSentence] = []
        problems: list[str] = []
        skipped = 0
        words: list[str] = []
        tags: list[str] = []
        first, bad = 0, False
        columns = self.config.columns

        def end_sentence() -> None:
            nonlocal words, tags, first, bad, skipped
            if bad:
                skipped += 1
            elif words:
                found = tuple(tags) if self.config.tag_column is not None else None
                sentences.append(TaggedSentence(tuple(words), found, f"{path}:{first}"))
            words, tags, first, bad = [], [], 0, False

        for number, line in enumerate(read_lines(path), start=1):
            if not line.strip():
                end_sentence()
                continue
            if self.config.comment is not None and line.startswith(self.config.comment):
                continue
            values = line.split(self.config.separator)
            if self.config.skip_document_start and values[0] == DOCUMENT_START:
                end_sentence()
                continue
            if self.config.id_column is not None and self._is_no_word(values):
                continue
            columns = columns if columns is not None else len(values)
            first = first or number
            reasons, word, tag = self._parse(values, columns, known)
            if reasons:
                bad = True
                problems.extend(f"{path}:{number}: {reason}" for reason in reasons)
            else:
                words.append(word)
                tags.append(tag)
        end_sentence()
        refuse_or_warn(path, problems, skipped, self.strict)
        if not sentences:
            problems.append(f"{path}: holds no sentence")
            refuse_or_warn(path, problems, skipped, strict=True)
        return Reading(tuple(sentences), tuple(problems), skipped)

    def _is_no_word(self, values: list[str]) -> bool:
        """Whether a CoNLL-U line is one of several words together, or of a word that is not written."""
        place = self.config.id_column
        assert place is not None
        return -len(values) <= place < len(values) and RANGE.fullmatch(values[place]) is not None

    def _parse(self, values: list[str], columns: int, known: frozenset[str] | None) -> tuple[list[str], str, str]:
        """What is wrong with a line's values, its word and its tag."""
        if len(values) != columns:
            between = {"\t": "tabs", None: "white space"}.get(self.config.separator, repr(self.config.separator))
            count = "1 column" if len(values) == 1 else f"{len(values)} columns"
            return [f"{count}, expected {columns} (separated by {between})"], "", ""
        try:
            word = values[self.config.word_column]
            tag = values[self.config.tag_column] if self.config.tag_column is not None else ""
        except IndexError:
            wanted = f"word column {self.config.word_column}, tag column {self.config.tag_column}"
            return [f"no such column among {columns}: {wanted}"], "", ""
        reasons = []
        if not word.strip():
            reasons.append("empty token")
        if self.config.tag_column is not None:
            try:
                tag = read_label(tag, self.label_names, known)
            except ValueError as error:
                reasons.append(str(error))
        return reasons, word, tag
