"""Predictions for new text, as plain values: spans with their characters, tags, labels, aspects."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Base of what is predicted for one text."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Span(Answer):
    """A part of a text: ``text_as_given[start:end] == text``.

    Attributes:
        type: of the span: the entity's, the polarity of an aspect; empty where there is only one.
        start: place of its first character in the text as it was given.
        end: place after its last one.
        text: its characters.
        score: the probability of this very span, over all that could be found instead; None if the head gives none.
    """

    type: str
    start: int
    end: int
    text: str
    score: float | None


@dataclass(frozen=True)
class Tag(Answer):
    """A word of a text with its tag.

    Attributes:
        tag: the word's.
        start: place of its first character in the text as it was given.
        end: place after its last one.
        text: its characters.
        score: the probability of the tag; None if the head gives none.
    """

    tag: str
    start: int
    end: int
    text: str
    score: float | None


@dataclass(frozen=True)
class TaggedText(Answer):
    """Words and spans of a text.

    Attributes:
        text: as it was given; words that were given one by one stand with blanks between them.
        words: with their tags.
        spans: that the tags mark; none where tags are those of single words.
    """

    text: str
    words: tuple[Tag, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Label(Answer):
    """A label.

    Attributes:
        label: its name.
        score: its probability; None if the head gives none.
    """

    label: str
    score: float | None


@dataclass(frozen=True)
class LabelledTexts(Answer):
    """The label of a text, or of a pair.

    Attributes:
        texts: as they were given: one, or two.
        label: the most probable one; None for a text without words.
        score: its probability; None if the head gives none.
        labels: the most probable ones, best first: all, or as many as were asked for.
    """

    texts: tuple[str, ...]
    label: str | None
    score: float | None
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Aspect(Answer):
    """What a text says of something.

    Attributes:
        aspect: of what.
        polarity: the most probable label.
        score: its probability; None if the head gives none.
        labels: the most probable ones, best first: all, or as many as were asked for.
    """

    aspect: str
    polarity: str
    score: float | None
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class AspectsOfText(Answer):
    """What a text says of each aspect.

    Attributes:
        text: as it was given.
        aspects: all of them, in the model's order; none for a text without words.
    """

    text: str
    aspects: tuple[Aspect, ...]


@dataclass(frozen=True)
class AnsweredQuestion(Answer):
    """Where a passage answers a question.

    Attributes:
        question: as it was given.
        passage: as it was given.
        answers: parts of the passage.
    """

    question: str
    passage: str
    answers: tuple[Span, ...]


def ranked(labels: Sequence[str], probabilities: Sequence[float], best: str, top_k: int | None) -> tuple[Label, ...]:
    """Labels by their probability, the predicted one first; that one alone if the head gives no probabilities.

    Args:
        labels: all that there are.
        probabilities: of each; or none.
        best: the predicted one.
        top_k: how many; None for all.
    """
    if not probabilities:
        return (Label(best, None),)
    places = range(len(labels))
    order = heapq.nlargest(
        top_k or len(labels), places, key=lambda place: (probabilities[place], labels[place] == best)
    )
    return tuple(Label(labels[place], probabilities[place]) for place in order)


def probabilities_of(found: Mapping[str, Sequence[Label]], order: Sequence[str], top_k: int | None) -> dict[str, Any]:
    """Probabilities for a row of JSON; nothing if the head gives none.

    Args:
        found: labels with their probabilities by aspect, best first; of the aspect "" for a text as a whole.
        order: of all labels.
        top_k: how many were asked for; with None all are given as one object, in their order.
    """
    if any(label.score is None for labels in found.values() for label in labels):
        return {}
    if top_k is not None:
        best = {aspect: [label.as_dict() for label in labels] for aspect, labels in found.items()}
        return {"top": best.get("", best)}
    scores = {aspect: {label.label: label.score for label in labels} for aspect, labels in found.items()}
    every = {aspect: {label: of[label] for label in order} for aspect, of in scores.items()}
    return {"probabilities": every.get("", every)}
