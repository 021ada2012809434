"""Scores of tagging: spans as CoNLL's evaluation script and seqeval's default mode count them.

The benchmark's main score is the unweighted mean over types of span F1 (its ``conlleval``-like
metric), which is seqeval's default macro F1; the micro scores are the ones others report for NER.

Spans are read leniently, as both do: an ``I-`` without a beginning opens a span, and so does an
``I-`` of another type than the tag before it. Stray gold tags are therefore scored as they stand.

Whether tags mark spans or are plain labels, as of parts of speech, is said, never told from what they are called.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elmo_xlstm.evaluation.results import TypeScore

SPAN_TAG = re.compile(r"[BIES](-.+)?\Z", re.DOTALL)
UNTYPED = "_"
"""The type of spans whose tags are a bare ``B`` and ``I``, in seqeval's words."""

TagSequences = Sequence[Sequence[str]]


@dataclass(frozen=True)
class TaggingScores:
    """All scores of one tagging.

    Attributes:
        macro_f1: unweighted mean of the types' F1; types of gold or predicted spans count; 0 if there are none.
        micro: over all spans together.
        types: per type, in alphabetical order.
        token_accuracy: share of words with the right tag. (The benchmark's own ACC also counts a
            right tag for each end of a sentence and is a little higher.)
    """

    macro_f1: float
    micro: TypeScore
    types: dict[str, TypeScore]
    token_accuracy: float

    def metrics(self) -> dict[str, float]:
        """The corpus-level scores by name, for a result file."""
        return {
            "macro_f1": self.macro_f1,
            "micro_f1": self.micro.f1,
            "micro_precision": self.micro.precision,
            "micro_recall": self.micro.recall,
            "token_accuracy": self.token_accuracy,
        }


@dataclass(frozen=True)
class SpanCounts:
    """Spans per sentence and type: all that span scores depend on.

    Attributes:
        types: T span types, in alphabetical order.
        counts: (S, 3, T) int64 for S sentences: spans that are right, predicted, and in the gold.
    """

    types: tuple[str, ...]
    counts: NDArray[np.int64]

    def statistics(self) -> NDArray[np.int64]:
        """The counts as (S, 3 T), for :mod:`elmo_xlstm.evaluation.bootstrap`."""
        return self.counts.reshape(len(self.counts), -1)


def score_tagging(gold: TagSequences, predicted: TagSequences, plain: bool = False) -> TaggingScores:
    """Score predicted tags against the gold.

    Args:
        gold: tags of each sentence.
        predicted: as many sentences with as many tags.
        plain: each tag, whatever it is called, is a label of its word: a span of one word. Else tags mark spans:
            ``O``, ``B-x``, ``I-x``, ``E-x``, ``S-x``, or bare ``B``, ``I``, ``E``, ``S``.

    Raises:
        ValueError: there is nothing to score, the lengths differ, or a tag that should marks no span.
    """
    counts = count_spans(gold, predicted, plain=plain)
    totals = counts.counts.sum(axis=0)
    words = sum(len(tags) for tags in gold)
    right = sum(a == b for g, p in zip(gold, predicted, strict=True) for a, b in zip(g, p, strict=True))
    return TaggingScores(
        macro_f1=float(span_macro_f1(counts.statistics().sum(axis=0))),
        micro=_type_scores(totals.sum(axis=-1, keepdims=True))[0],
        types=dict(zip(counts.types, _type_scores(totals), strict=True)),
        token_accuracy=right / words,
    )


def _type_scores(totals: NDArray[np.int64]) -> list[TypeScore]:
    """The scores of (3, T) counts, one for each of T types."""
    each = zip(*(values.tolist() for values in (*_precision_recall_f1(totals), totals[2])), strict=True)
    return [TypeScore(precision=precision, recall=recall, f1=f1, support=gold) for precision, recall, f1, gold in each]


def count_spans(
    gold: TagSequences, predicted: TagSequences, types: Collection[str] = (), plain: bool = False
) -> SpanCounts:
    """Count spans sentence by sentence.

    Args:
        gold: as in :func:`score_tagging`.
        predicted: as in :func:`score_tagging`.
        types: types to count beside those that occur, so that counts of two systems line up.
        plain: as in :func:`score_tagging`.

    Raises:
        ValueError: as in :func:`score_tagging`.
    """
    _check_lengths(gold, predicted)
    if not plain:
        _check_span_tags({tag for tags in (*gold, *predicted) for tag in tags})
    found = [(set(find_spans(g, plain)), set(find_spans(p, plain))) for g, p in zip(gold, predicted, strict=True)]
    names = sorted({name for pair in found for spans in pair for name, _, _ in spans} | set(types))
    column = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(gold), 3, len(names)), dtype=np.int64)
    for row, (true, guessed) in enumerate(found):
        for place, spans in enumerate((true & guessed, guessed, true)):
            for name, _, _ in spans:
                counts[row, place, column[name]] += 1
    return SpanCounts(tuple(names), counts)


def span_macro_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unweighted mean over types of span F1, from summed counts.

    Args:
        totals: (..., 3 T), sums of :meth:`SpanCounts.statistics` over sentences.

    Returns:
        (...): a type with neither gold nor predicted spans does not count; 0 where no type counts.
    """
    counts = totals.reshape(*totals.shape[:-1], 3, -1)
    _, _, f1 = _precision_recall_f1(counts)
    present = counts[..., 1, :] + counts[..., 2, :] > 0
    return (f1 * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)


def span_micro_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 over all spans together, from summed counts.

    Args:
        totals: (..., 3 T), sums of :meth:`SpanCounts.statistics` over sentences.

    Returns:
        (...): 0 where there are no spans.
    """
    counts = totals.reshape(*totals.shape[:-1], 3, -1).sum(axis=-1, keepdims=True)
    return _precision_recall_f1(counts)[2][..., 0]


def _precision_recall_f1(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Scores of (..., 3, T) counts, each (..., T); what is undefined is 0."""
    right, predicted, gold = (counts[..., place, :].astype(np.float64) for place in range(3))
    precision = right / np.maximum(predicted, 1)
    recall = right / np.maximum(gold, 1)
    return precision, recall, 2 * right / np.maximum(predicted + gold, 1)


def _check_lengths(gold: TagSequences, predicted: TagSequences) -> None:
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences but {len(predicted)} predicted ones")
    if not any(len(tags) for tags in gold):
        raise ValueError("nothing to score: the gold has no tags")
    for number, (true, guessed) in enumerate(zip(gold, predicted, strict=True)):
        if len(true) != len(guessed):
            raise ValueError(f"sentence {number}: {len(true)} gold tags but {len(guessed)} predicted ones")


def _check_span_tags(tags: set[str]) -> None:
    if others := sorted(tag for tag in tags if tag != "O" and not SPAN_TAG.match(tag)):
        raise ValueError(f"tag '{others[0]}' marks no span (O, or B, I, E or S, alone or with a type: B-PER)")


def find_spans(tags: Sequence[str], plain: bool = False) -> list[tuple[str, int, int]]:
    """The spans that the tags of a sentence mark, as (type, first word, last word), in their order.

    Args:
        tags: of each word.
        plain: as in :func:`score_tagging`.
    """
    if plain:
        return [(tag, place, place) for place, tag in enumerate(tags)]
    spans: list[tuple[str, int, int]] = []
    before, kind_before = "O", UNTYPED
    for place, tag in enumerate(tags):
        prefix, kind = tag[0], tag[2:] or UNTYPED
        if prefix in "BS" or (prefix in "IE" and (before in "OES" or kind != kind_before)):
            spans.append((kind, place, place))
        elif prefix in "IE":
            spans[-1] = (kind, spans[-1][1], place)
        before, kind_before = prefix, kind
    return spans
