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

TagSequences = Sequence[Sequence[str]]


@dataclass(frozen=True)
class TaggingScores:
    """All scores of one tagging."""

    macro_f1: float  # unweighted mean over the types of gold or predicted spans; 0 if there are none
    micro: TypeScore  # over all spans together
    types: dict[str, TypeScore]  # in alphabetical order
    token_accuracy: float
    """Share of words with the right tag; the benchmark's own ACC also counts an end of each sentence as right."""

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
    """T span types, in alphabetical order, and (S, 3, T) counts of right, predicted and gold spans in S sentences."""

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
    each = zip(*(values.tolist() for values in (*_precision_recall_f1(totals), totals[2])), strict=True)
    return [TypeScore(precision=precision, recall=recall, f1=f1, support=gold) for precision, recall, f1, gold in each]


def count_spans(
    gold: TagSequences, predicted: TagSequences, types: Collection[str] = (), plain: bool = False
) -> SpanCounts:
    """Count spans sentence by sentence; ``types`` are counted beside those that occur, so that two systems' line up."""
    check_lengths(gold, predicted, "sentence", "tag")
    occurring = {tag for tags in (*gold, *predicted) for tag in tags}
    if others := [] if plain else sorted(tag for tag in occurring if tag != "O" and not SPAN_TAG.match(tag)):
        raise ValueError(f"tag '{others[0]}' marks no span (O, or B, I, E or S, alone or with a type: B-PER)")
    found = [(_spans(g, plain), _spans(p, plain)) for g, p in zip(gold, predicted, strict=True)]
    names = sorted({name for pair in found for spans in pair for name, _, _ in spans} | set(types))
    column = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(gold), 3, len(names)), dtype=np.int64)
    for row, (true, guessed) in enumerate(found):
        for place, spans in enumerate((true & guessed, guessed, true)):
            for name, _, _ in spans:
                counts[row, place, column[name]] += 1
    return SpanCounts(tuple(names), counts)


def span_macro_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unweighted mean of the F1 of types that are in the gold or predicted, from summed counts (..., 3 T) to (...)."""
    counts = totals.reshape(*totals.shape[:-1], 3, -1)
    _, _, f1 = _precision_recall_f1(counts)
    present = counts[..., 1, :] + counts[..., 2, :] > 0
    means: NDArray[np.float64] = (f1 * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)
    return means


def span_micro_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 over all spans together, from summed counts (..., 3 T) to (...); 0 where there are none."""
    counts = totals.reshape(*totals.shape[:-1], 3, -1).sum(axis=-1, keepdims=True)
    return _precision_recall_f1(counts)[2][..., 0]


def _precision_recall_f1(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Of (..., 3, T) counts, each (..., T); what is undefined is 0."""
    right, predicted, gold = (counts[..., place, :].astype(np.float64) for place in range(3))
    precision = right / np.maximum(predicted, 1)
    recall = right / np.maximum(gold, 1)
    return precision, recall, 2 * right / np.maximum(predicted + gold, 1)


def check_lengths(gold: TagSequences, predicted: TagSequences, example: str, label: str) -> None:
    """Refuse, with a ValueError, gold and predictions that do not fit, by the names of their parts."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold {example}s but {len(predicted)} predicted ones")
    if not any(len(labels) for labels in gold):
        raise ValueError(f"nothing to score: the gold has no {label}s")
    for number, (true, guessed) in enumerate(zip(gold, predicted, strict=True)):
        if len(true) != len(guessed):
            raise ValueError(f"{example} {number}: {len(true)} gold {label}s but {len(guessed)} predicted ones")


def _spans(tags: Sequence[str], plain: bool) -> set[tuple[str, int, int]]:
    from seqeval.metrics.sequence_labeling import get_entities  # brings scikit-learn with it: a second to import

    if plain:
        return {(tag, place, place) for place, tag in enumerate(tags)}
    return set(get_entities(list(tags))) if tags else set()
