"""What a trained head gets wrong: spans and labels that differ from the gold, each counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from elmo_xlstm.tasks.scores import Labels

Kind = Literal["boundary", "type", "boundary and type", "missed", "spurious", "label"]


class Span(NamedTuple):
    """Words from ``start`` to before ``end``, and what they are said to be."""

    type: str
    start: int
    end: int

    def overlap(self, other: Span) -> int:
        """Words that two spans share."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))


Difference = tuple[Kind, Span | None, Span | None]


@dataclass(frozen=True)
class Mistake:
    """A difference between gold and prediction.

    Attributes:
        kind: boundary: the type is right; type: the words are right; missed: nothing was predicted there; spurious:
            nothing is there in the gold; label: one label for another.
        example: number of the example, from 0.
        words: of the text that it is in.
        gold: the span of the gold; for labels the whole text; None if spurious.
        predicted: the span predicted; None if missed.
        aspect: that the label is of, if there are several; the question, where one is asked.
        origin: ``file:line`` of the example.
    """

    kind: Kind
    example: int
    words: tuple[str, ...]
    gold: Span | None
    predicted: Span | None
    aspect: str
    origin: str

    @property
    def size(self) -> int:
        """Words of the longer of the two spans."""
        return max(span.end - span.start for span in (self.gold, self.predicted) if span is not None)

    @property
    def counted(self) -> int:
        """How many false positives and false negatives it is."""
        return (self.gold is not None) + (self.predicted is not None)


def span_mistakes(
    examples: Sequence[Any], gold: Sequence[Labels], predicted: Sequence[Labels], plain: bool = False
) -> list[Mistake]:
    """Mistakes of tags, longest first.

    A wrong span of the gold is put beside the wrong prediction that shares the most words with it, the same type
    before others, each once; so every false negative and every false positive is in one mistake.

    Args:
        examples: that the tags are of; tags are of the last of their texts.
        gold: tags of each.
        predicted: as many.
        plain: tags mark no spans: each word is one.
    """
    found: list[Mistake] = []
    for number, (example, true, guessed) in enumerate(zip(examples, gold, predicted, strict=True)):
        *question, words = example.parts
        asked = " ".join(question[0]) if question else ""
        differences = _words(true, guessed) if plain else _differences(_spans(true), _spans(guessed))
        found += [
            Mistake(kind, number, tuple(words), one, other, asked, example.origin) for kind, one, other in differences
        ]
    return _longest_first(found)


def label_mistakes(
    examples: Sequence[Any], gold: Sequence[Labels], predicted: Sequence[Labels], aspects: Sequence[str] = ()
) -> list[Mistake]:
    """Mistakes of labels, those of the longest texts first; arguments are those of :func:`span_mistakes`.

    Args:
        examples: that the labels are of.
        gold: a label of each, or one for each aspect.
        predicted: as many.
        aspects: their names.
    """
    found = []
    for number, (example, true, guessed) in enumerate(zip(examples, gold, predicted, strict=True)):
        words = tuple(" │ ".join(" ".join(text) for text in example.parts).split())
        for aspect, one, other in zip(aspects or ("",), true, guessed, strict=True):
            if one != other:
                spans = Span(one, 0, len(words)), Span(other, 0, len(words))
                found.append(Mistake("label", number, words, *spans, aspect, example.origin))
    return _longest_first(found)


def confusion(gold: Sequence[Labels], predicted: Sequence[Labels]) -> tuple[list[str], list[list[int]]]:
    """Labels, and how often each (row) was taken for each (column)."""
    counts = Counter(
        pair for true, guessed in zip(gold, predicted, strict=True) for pair in zip(true, guessed, strict=True)
    )
    labels = sorted({label for pair in counts for label in pair})
    return labels, [[counts[one, other] for other in labels] for one in labels]


def _longest_first(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (-mistake.size, mistake.example))


def _spans(tags: Labels) -> set[Span]:
    from seqeval.metrics.sequence_labeling import get_entities

    return {Span(kind, start, stop + 1) for kind, start, stop in get_entities(list(tags))}


def _words(gold: Labels, predicted: Labels) -> Iterator[Difference]:
    for place, (one, other) in enumerate(zip(gold, predicted, strict=True)):
        if one != other:
            yield "label", Span(one, place, place + 1), Span(other, place, place + 1)


def _differences(gold: set[Span], predicted: set[Span]) -> Iterator[Difference]:
    missed, spurious = sorted(gold - predicted), sorted(predicted - gold)
    pairs = [(one, other) for one in missed for other in spurious if one.overlap(other)]
    pairs.sort(key=lambda pair: (pair[0].type != pair[1].type, -pair[0].overlap(pair[1]), *pair))
    for one, other in pairs:
        if one in missed and other in spurious:
            missed.remove(one)
            spurious.remove(other)
            if one.type == other.type:
                yield "boundary", one, other
            else:
                yield "type" if one[1:] == other[1:] else "boundary and type", one, other
    yield from (("missed", span, None) for span in missed)
    yield from (("spurious", None, span) for span in spurious)
