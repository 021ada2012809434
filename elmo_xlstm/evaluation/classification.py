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

LabelSequences = Sequence[Sequence[str]]
"""For each example its labels: just one, or one for each aspect."""


@dataclass(frozen=True)
class ClassificationScores:
    """All scores of one classification.

    Attributes:
        macro_f1: unweighted mean of the labels' F1; labels in the gold or among the predictions count.
        macro_precision: as ``macro_f1``.
        macro_recall: as ``macro_f1``.
        weighted_f1: mean weighted by how often a label stands in the gold.
        micro_f1: over all decisions together; equal to accuracy, as each has one gold label and one predicted.
        accuracy: share of decisions that are right.
        exact_match: share of examples of which all decisions are right; equal to accuracy without aspects.
        labels: per label that occurs, in alphabetical order.
    """

    macro_f1: float
    macro_precision: float
    macro_recall: float
    weighted_f1: float
    micro_f1: float
    accuracy: float
    exact_match: float
    labels: dict[str, TypeScore]

    def metrics(self) -> dict[str, float]:
        """The corpus-level scores by name, for a result file."""
        return {name: value for name, value in vars(self).items() if name != "labels"}


@dataclass(frozen=True)
class LabelCounts:
    """Gold and predicted labels of each example: all that label scores depend on.

    Attributes:
        labels: K labels, in the order that was asked for.
        counts: (S, K, K) int64 for S examples: how often the gold label (row) was predicted to be (column); the sum
            over the aspects of an example.
    """

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
    """Score predicted labels against the gold.

    Args:
        gold: labels of each example.
        predicted: as many examples with as many labels.

    Raises:
        ValueError: there is nothing to score, or the lengths differ.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    _check_lengths(gold, predicted)
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
    """Count gold and predicted labels example by example.

    Args:
        gold: as in :func:`score_labels`.
        predicted: as in :func:`score_labels`.
        labels: all that may occur, so that counts of two systems line up.

    Raises:
        ValueError: as in :func:`score_labels`; or a label is not among ``labels``.
    """
    _check_lengths(gold, predicted)
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
    """Unweighted mean of F1 over the labels that occur, from summed counts.

    Args:
        totals: (..., K²), sums of :meth:`LabelCounts.statistics` over examples.

    Returns:
        (...): a label that is neither in the gold nor predicted does not count; 0 where none counts.
    """
    f1, gold, predicted = _f1(totals)
    present = gold + predicted > 0
    return (f1 * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)


def label_weighted_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of F1 weighted by how often a label stands in the gold, from summed counts (..., K²) to scores (...)."""
    f1, gold, _ = _f1(totals)
    return (f1 * gold).sum(axis=-1) / np.maximum(gold.sum(axis=-1), 1)


def label_accuracy(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of decisions that are right, which is micro F1 too, from summed counts (..., K²) to scores (...)."""
    counts = _square(totals)
    right = np.trace(counts, axis1=-2, axis2=-1)
    return right / np.maximum(counts.sum(axis=(-2, -1)), 1)


def _square(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """(..., K²) → (..., K, K)."""
    size = round(totals.shape[-1] ** 0.5)
    return totals.astype(np.float64).reshape(*totals.shape[:-1], size, size)


def _f1(totals: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """F1 of each label, how often it is in the gold and how often it is predicted, each (..., K)."""
    counts = _square(totals)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    gold, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    return 2 * right / np.maximum(gold + predicted, 1), gold, predicted


def _check_lengths(gold: LabelSequences, predicted: LabelSequences) -> None:
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold examples but {len(predicted)} predicted ones")
    if not any(len(labels) for labels in gold):
        raise ValueError("nothing to score: the gold has no labels")
    for number, (true, guessed) in enumerate(zip(gold, predicted, strict=True)):
        if len(true) != len(guessed):
            raise ValueError(f"example {number}: {len(true)} gold labels but {len(guessed)} predicted ones")
