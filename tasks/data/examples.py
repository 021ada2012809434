"""Examples, what a reader finds in a file, and the three splits of a data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from elmo_xlstm.text.words import split_words

Words = Sequence[str]
Texts = tuple[Words, ...]
"""The words of one example: of one text, or of two."""


class Example(ABC):
    """One row of a data set, whatever its kind.

    Attributes:
        origin: ``file:line`` where it begins.
    """

    origin: str

    @property
    @abstractmethod
    def parts(self) -> Texts:
        """The words of each text; a task may split them in another way."""

    @property
    @abstractmethod
    def gold(self) -> tuple[str, ...] | None:
        """The labels to predict, as they stand in the file; None where they are not known."""


ExampleT = TypeVar("ExampleT", bound=Example)


@dataclass(frozen=True)
class TaggedSentence(Example):
    """A sentence with a tag for each word where the tags are known.

    Attributes:
        words: of the sentence, at least one of tagged ones; a word may hold spaces.
        tags: as many as words; ``None`` for unlabelled text.
        origin: ``file:line`` of the first word.
        text: that the words come from, of new text.
        places: start and end of each word in ``text``.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None
    origin: str
    text: str = ""
    places: Sequence[tuple[int, int]] = ()

    def __post_init__(self) -> None:
        """Refuse tags that are not one for each word, of at least one."""
        if not self.words and self.tags is not None:
            raise ValueError("holds no word")
        if self.tags is not None and len(self.tags) != len(self.words):
            raise ValueError(f"{self.origin}: {len(self.words)} words but {len(self.tags)} tags")

    @property
    def parts(self) -> Texts:
        """The words without the blanks that JSON may have around them."""
        return (tuple(word.strip() for word in self.words),)

    @property
    def gold(self) -> tuple[str, ...] | None:
        """The tags."""
        return self.tags


@dataclass(frozen=True)
class LabelledText(Example):
    """A text, or two, with one label or one for each aspect.

    Attributes:
        texts: as they stand in the file; two for a pair.
        words: of each text, none kept whole that holds punctuation, or those that the file gives.
        labels: the label, or one for each aspect in the data set's order; ``None`` where they are not known.
        origin: ``file:line`` where it begins.
        in_words: whether the file gives words, which no task splits in another way.
    """

    texts: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...] | None
    origin: str
    in_words: bool = False

    @classmethod
    def of_texts(cls, texts: Sequence[str | Sequence[str]], labels: Sequence[str] | None, origin: str) -> LabelledText:
        """Split texts into words, or take them as they are where all are lists of words.

        Raises:
            ValueError: a text has no words, or some are texts and some lists.
        """
        in_words = [not isinstance(text, str) for text in texts]
        if any(in_words) and not all(in_words):
            raise ValueError("one text is a list of words, the other is not")
        words = tuple(tuple(split_words(text, ()) if isinstance(text, str) else text) for text in texts)
        if not all(words):
            raise ValueError("empty text")
        shown = tuple(text if isinstance(text, str) else " ".join(text) for text in texts)
        return cls(shown, words, None if labels is None else tuple(labels), origin, any(in_words))

    @property
    def parts(self) -> Texts:
        """The words of each text."""
        return self.words

    @property
    def gold(self) -> tuple[str, ...] | None:
        """The label, or one for each aspect."""
        return self.labels


@dataclass(frozen=True)
class QuestionPassage(Example):
    """A question and the passage that answers it.

    Attributes:
        question: its words, at least one.
        passage: its words, at least one.
        tags: one for each word of the passage; ``None`` where they are not known.
        origin: ``file:line`` where it begins.
        text: that the passage's words come from, of new text.
        places: start and end of each of them in ``text``.
    """

    question: tuple[str, ...]
    passage: tuple[str, ...]
    tags: tuple[str, ...] | None
    origin: str
    text: str = ""
    places: Sequence[tuple[int, int]] = ()

    def __post_init__(self) -> None:
        """Refuse tags that are not one for each word."""
        if self.tags is not None and len(self.tags) != len(self.passage):
            raise ValueError(f"{len(self.passage)} words in the passage but {len(self.tags)} labels")

    @property
    def parts(self) -> Texts:
        """The words of question and passage."""
        return (self.question, self.passage)

    @property
    def gold(self) -> tuple[str, ...] | None:
        """A tag for each word of the passage."""
        return self.tags


@dataclass(frozen=True)
class Reading(Generic[ExampleT]):
    """The content of one file, read strictly or leniently.

    Attributes:
        examples: those without a problem, in the file's order.
        problems: one line each, ``file:line: reason``; always empty after a strict reading.
        skipped: how many rows (of column files: sentences) were left out because of problems.
    """

    examples: tuple[ExampleT, ...]
    problems: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Splits(Generic[ExampleT]):
    """A data set, as a task takes it.

    Attributes:
        train: examples to learn from.
        valid: examples that settings and early stopping are chosen by.
        test: examples that scores are reported on.
        labels: all labels that may occur, in the order of their indices.
        sha256: checksum of each file read, by its name, for the result file.
        aspects: each example has a label for each of these, in order; none where it has just one, or tags.
        skipped: how many rows of each file were left out because of problems, of those that had any.
    """

    train: tuple[ExampleT, ...]
    valid: tuple[ExampleT, ...]
    test: tuple[ExampleT, ...]
    labels: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)
    aspects: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
