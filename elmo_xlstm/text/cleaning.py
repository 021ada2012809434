"""Cleaning: raw documents to running text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pydantic import Field, field_validator

from elmo_xlstm.config import Configurable, Settings
from elmo_xlstm.text.characters import clean_characters
from elmo_xlstm.text.markup import strip_markup, strip_wikitext
from elmo_xlstm.text.overlap import Exclusion
from elmo_xlstm.text.sources.base import Document


class DropReason(Enum):
    """A reason not to use a document."""

    EMPTY = "empty"  # nothing was left of it
    SHORT = "short"  # shorter than ``min_characters``
    DUPLICATE = "duplicate"  # the same tokens were there before
    NEAR_DUPLICATE = "near duplicate"  # most of it was there before
    OVERLAP = "overlap"  # nothing, or too little, is left without the lines that share passages with excluded texts
    SHARE = "share"  # not in the share of its source that is used


@dataclass
class CleaningReport:
    """Counts of documents kept and dropped."""

    kept: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    excluded_lines: int = 0

    @property
    def read(self) -> int:
        """Number of documents there were."""
        return self.kept + sum(self.dropped.values())

    def merge(self, other: CleaningReport) -> None:
        """Add the counts of ``other``."""
        self.kept += other.kept
        self.dropped.update(other.dropped)
        self.excluded_lines += other.excluded_lines

    def drop_kept(self, reason: DropReason, count: int) -> None:
        """Count ``count`` documents that were kept at first as dropped."""
        self.kept -= count
        self.dropped[reason] += count

    def to_dict(self) -> dict[str, Any]:
        """Counts by name, for a manifest."""
        dropped = {reason.value: self.dropped[reason] for reason in DropReason}
        return {"read": self.read, "kept": self.kept, "dropped": dropped, "excluded_lines": self.excluded_lines}


class Cleaner(Configurable):
    """Turns raw text into one line of running text, casing kept, without markup, boilerplate and excluded lines."""

    class Config(Settings):
        """How texts are cleaned."""

        min_characters: int = Field(default=50, ge=0)
        """Documents with fewer characters after cleaning are dropped."""
        strip_markup: bool = True
        """Strip HTML tags and entities and wiki templates, tables, links, emphasis and headings."""
        fix_unicode: bool = True
        """Mend text that was decoded with a wrong encoding, and compose characters (NFC). Models trained on the text
        read words in the same way."""
        remove: list[str] = []
        """Regular expressions whose matches become spaces, one after another, before lines are joined: boilerplate.
        ``^`` and ``$`` are a line's begin and end; ``(?i)`` in front ignores case."""
        exclude: Exclusion | None = None
        """Evaluation texts whose passages are kept out, line by line."""

        @field_validator("remove")
        @classmethod
        def _are_expressions(cls, patterns: list[str]) -> list[str]:
            for pattern in patterns:
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
            return patterns

    def __init__(self, config: Config) -> None:
        self.config = config
        self._remove = [re.compile(pattern, re.MULTILINE) for pattern in config.remove]
        self._excluded = config.exclude.build() if config.exclude else None

    def clean(self, text: str, report: CleaningReport | None = None) -> str | DropReason:
        """The cleaned text, or why it is dropped; excluded lines are counted in ``report``."""
        text, dropped_lines = self.clean_lines(text), 0
        if self._excluded is not None:
            text, dropped_lines = self._excluded.drop_lines(text)
            if report is not None:
                report.excluded_lines += dropped_lines
        text = " ".join(text.split())
        if text and len(text) >= self.config.min_characters:
            return text
        if dropped_lines:
            return DropReason.OVERLAP
        return DropReason.SHORT if text else DropReason.EMPTY

    def clean_lines(self, text: str) -> str:
        """The text with its lines, before any is excluded and they are joined."""
        text = clean_characters(text, self.config.fix_unicode)
        if self.config.strip_markup and (stripped := strip_markup(text)) != text:
            text = clean_characters(stripped, self.config.fix_unicode)  # entities spell characters, too
        for pattern in self._remove:
            text = pattern.sub(" ", text)
        return text

    def clean_document(self, document: Document, report: CleaningReport | None = None) -> str | DropReason:
        """The cleaned text of a document, wiki text parsed first, or why it is dropped."""
        return self.clean(strip_wikitext(document.text) if document.markup == "wikitext" else document.text, report)

    def clean_documents(self, documents: Iterable[Document], report: CleaningReport | None = None) -> Iterator[str]:
        """The cleaned texts of the documents that are not dropped, counted in ``report``; duplicates stay."""
        report = report if report is not None else CleaningReport()
        for document in documents:
            cleaned = self.clean_document(document, report)
            if isinstance(cleaned, DropReason):
                report.dropped[cleaned] += 1
            else:
                report.kept += 1
                yield cleaned
