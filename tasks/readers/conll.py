"""Sentences from column files: a word and its tag on each line, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field

from elmo_xlstm.config import Settings
from tasks.readers.problems import read_lines, refuse_or_warn
from tasks.readers.sentence import Reading, TaggedSentence

__all__ = ["ConllReader", "Reading", "TaggedSentence"]

DOCUMENT_START = "-DOCSTART-"


class ConllReader:
    """Reads CoNLL files with the columns that the settings name.

    Args:
        config: which columns, and what to do about problems.
    """

    class Config(Settings):
        """Settings of a column file."""

        type: Literal["conll"] = "conll"
        word_column: int = 0
        """Column of the words, counted from 0; -1 is the last."""
        tag_column: int | None = 1
        """Column of the tags, counted from 0; -1 is the last; null reads unlabelled text."""
        separator: str = Field(default="\t", min_length=1)
        """What stands between columns: a tab only, unless set, because words may hold spaces."""
        columns: int | None = Field(default=None, ge=1)
        """How many columns each line must have; null takes the number of the first line."""
        skip_document_start: bool = True
        """Skip lines whose word is -DOCSTART-; they also end a sentence."""
        strict: bool = True
        """Refuse a file with problems; false skips each sentence that has one, and counts."""

        def build(self) -> ConllReader:
            """Make the reader."""
            return ConllReader(self)

    def __init__(self, config: Config) -> None:
        """Keep the settings."""
        self.config = config

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
            values = line.split(self.config.separator)
            if self.config.skip_document_start and values[0] == DOCUMENT_START:
                end_sentence()
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
        refuse_or_warn(path, problems, skipped, self.config.strict)
        if not sentences:
            problems.append(f"{path}: holds no sentence")
            refuse_or_warn(path, problems, skipped, strict=True)
        return Reading(tuple(sentences), tuple(problems), skipped)

    def _parse(self, values: list[str], columns: int, known: frozenset[str] | None) -> tuple[list[str], str, str]:
        """What is wrong with a line's values, its word and its tag."""
        if len(values) != columns:
            between = "tabs" if self.config.separator == "\t" else f"{self.config.separator!r}"
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
            if not tag.strip():
                reasons.append("empty label")
            elif known is not None and tag not in known:
                reasons.append(f"unknown label {tag!r}")
        return reasons, word, tag
