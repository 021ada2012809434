"""Texts with labels: one text or two, and one label or one for each aspect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.readers.word_tokenizer import split_words


@dataclass(frozen=True)
class LabelledText:
    """What is to be judged.

    Attributes:
        texts: as they stand in the file; two for a pair.
        words: of each text, none kept whole that holds punctuation.
        labels: the label, or one for each aspect in the data set's order; ``None`` where they are not known.
        origin: ``file:line`` where it begins.
    """

    texts: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...] | None
    origin: str

    @classmethod
    def of_texts(cls, texts: Sequence[str], labels: Sequence[str] | None, origin: str) -> LabelledText:
        """Split texts into words.

        Raises:
            ValueError: a text has no words.
        """
        words = tuple(tuple(split_words(text, ())) for text in texts)
        if not all(words):
            raise ValueError("empty text")
        return cls(tuple(texts), words, None if labels is None else tuple(labels), origin)


@dataclass(frozen=True)
class LabelledReading:
    """All that a lenient or strict reading of one file found.

    Attributes:
        examples: those without a problem, in the file's order.
        problems: one line each, ``file:line: reason``; always empty after a strict reading.
        skipped: how many rows were left out because of problems.
    """

    examples: tuple[LabelledText, ...]
    problems: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class LabelledSplits:
    """The three splits of a data set of labelled texts.

    Attributes:
        train: what is learned from.
        valid: what settings and early stopping are chosen by.
        test: what is reported.
        labels: all labels that may occur, in the order of their indices.
        sha256: checksum of each file read, by its name, for the result file.
        aspects: what each text has a label for, in order; none where it has just one.
        skipped: how many rows of each file were left out because of problems, of those that had any.
    """

    train: tuple[LabelledText, ...]
    valid: tuple[LabelledText, ...]
    test: tuple[LabelledText, ...]
    labels: tuple[str, ...]
    sha256: Mapping[str, str]
    aspects: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
