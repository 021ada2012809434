"""What tagging readers give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaggedSentence:
    """A sentence in words, with a tag for each word where the tags are known.

    Attributes:
        words: the words, at least one; a word may hold spaces.
        tags: as many tags as words; ``None`` for unlabelled text.
        origin: ``file:line`` of the first word.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None
    origin: str

    def __post_init__(self) -> None:
        """Refuse a sentence without words, and tags that are not one for each word."""
        if not self.words:
            raise ValueError("holds no word")
        if self.tags is not None and len(self.tags) != len(self.words):
            raise ValueError(f"{self.origin}: {len(self.words)} words but {len(self.tags)} tags")


@dataclass(frozen=True)
class Reading:
    """All that a lenient or strict reading of one file found.

    Attributes:
        sentences: the sentences without a problem, in the file's order.
        problems: one line each, ``file:line: reason``; always empty after a strict reading.
        skipped: how many sentences (or rows) were left out because of problems.
    """

    sentences: tuple[TaggedSentence, ...]
    problems: tuple[str, ...] = ()
    skipped: int = 0
