"""Scores of classification: labels of texts, of pairs, and of the aspects of texts.

The benchmark's main score is scikit-learn's macro F1 without ``labels=``: the unweighted mean of F1 over the labels
that occur in the gold or among the predictions. With aspects, the labels of all aspects make one list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elmo_xlstm.evaluation.results import TypeScore
from elmo_xlstm.evaluation.tagging import check_lengths

LabelSequences = Sequence[Sequence[str]]
"""For each example its labels: just one, or one for each aspect."""


@dataclass(frozen=True)
class ClassificationScores:
    """All scores of one classification."""

    macro_f1: float  # unweighted mean over the labels in the gold or among the predictions; so are the next two
    macro_precision: float
    macro_recall: float
    weighted_f1: float  # by how often a label stands in the gold
    micro_f1: float  # equal to accuracy, as each decision has one gold label and one predicted
    accuracy: float
    exact_match: float  # share of examples of which all decisions are right; equal to accuracy without aspects
    labels: dict[str, TypeScore]  # those that occur, in alphabetical order

    def metrics(self) -> dict[str, float]:
        """The corpus-level scores by name, for a result file."""
        return {name: value for name, value in vars(self).items() if name != "labels"}


@dataclass(frozen=True)
class LabelCounts:
    """K labels, and (S, K, K) counts: how often in S examples a gold label (row) was predicted to be (column)."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]

    def statistics(self) -> NDArray[np.int64]:
        """The counts as (S, K²), for :mod:`elmo_xlstm.evaluation.bootstrap`."""
        return self.counts.reshape(len(self.counts), -1)

    def confusion(self) -> NDArray[np.int64]:
        """(K, K) over all examples: rows are gold labels, columns predicted ones."""
        total: NDArray[np.int64] = self.counts.sum(axis=0)
        return total


def score_labels(gold: LabelSequences, predicted: LabelSequences) -> ClassificationScores:
    """Score predicted labels against the gold; ValueError if there is nothing to score, or lengths differ."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    check_lengths(gold, predicted, "example", "label")
    true = [label for labels in gold for label in labels]
    guessed = [label for labels in predicted for label in labels]
    names = sorted({*true, *guessed})

    def scores(average: str | None) -> tuple[NDArray[np.float64], ...]:
        # The labels that occur are also what scikit-learn takes by itself; named, they are surely in this order.
        found: tuple[NDArray[np.float64], ...] = precision_recall_fscore_support(
            true, guessed, labels=names, average=average, zero_division=0
        )
        return found

    macro, weighted, micro, each = scores("macro"), scores("weighted"), scores("micro"), scores(None)
    return ClassificationScores(
        macro_f1=float(macro[2]),
        macro_precision=float(macro[0]),
        macro_recall=float(macro[1]),
        weighted_f1=float(weighted[2]),
        micro_f1=float(micro[2]),
        accuracy=float(accuracy_score(true, guessed)),
        exact_match=sum(list(g) == list(p) for g, p in zip(gold, predicted, strict=True)) / len(gold),
        labels={
            name: TypeScore(precision=precision, recall=recall, f1=f1, support=support)
            for name, precision, recall, f1, support in zip(names, *each, strict=True)
        },
    )


def count_labels(gold: LabelSequences, predicted: LabelSequences, labels: Sequence[str]) -> LabelCounts:
    """Count gold and predicted labels example by example; all that may occur are ``labels``, else ValueError."""
    check_lengths(gold, predicted, "example", "label")
    place = {label: index for index, label in enumerate(labels)}
    unknown = {label for rows in (gold, predicted) for row in rows for label in row} - place.keys()
    if unknown:
        raise ValueError(f"label '{min(unknown)}' is not among {', '.join(labels)}")
    counts = np.zeros((len(gold), len(place), len(place)), dtype=np.int64)
    for example, (true, guessed) in enumerate(zip(gold, predicted, strict=True)):
        for one, other in zip(true, guessed, strict=True):
            counts[example, place[one], place[other]] += 1
    return LabelCounts(tuple(labels), counts)


def label_macro_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of F1 over the labels in the gold or among the predictions, from summed counts (..., K²) to scores (...)."""
    f1, gold, predicted = _f1(totals)
    present = gold + predicted > 0
    means: NDArray[np.float64] = (f1 * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)
    return means


def label_weighted_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of F1 weighted by how often a label stands in the gold, from summed counts (..., K²) to scores (...)."""
    f1, gold, _ = _f1(totals)
    means: NDArray[np.float64] = (f1 * gold).sum(axis=-1) / np.maximum(gold.sum(axis=-1), 1)
    return means


def label_accuracy(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of decisions that are right, which is micro F1 too, from summed counts (..., K²) to scores (...)."""
    counts = _square(totals)
    right = np.trace(counts, axis1=-2, axis2=-1)
    shares: NDArray[np.float64] = right / np.maximum(counts.sum(axis=(-2, -1)), 1)
    return shares


def _square(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    size = round(totals.shape[-1] ** 0.5)
    return totals.astype(np.float64).reshape(*totals.shape[:-1], size, size)


def _f1(totals: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """F1 of each label, how often it is in the gold and how often it is predicted, each (..., K)."""
    counts = _square(totals)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    gold, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    return 2 * right / np.maximum(gold + predicted, 1), gold, predicted
