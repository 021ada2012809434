"""Scores of predictions: labels compared with the gold, and tags as spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elmo_xlstm.evaluation.bootstrap import bootstrap_interval
from elmo_xlstm.evaluation.classification import (
    count_labels,
    label_accuracy,
    label_macro_f1,
    label_weighted_f1,
    score_labels,
)
from elmo_xlstm.evaluation.outcomes import Kind
from elmo_xlstm.evaluation.results import MOST_CONFUSED, Confusion, TypeScore
from elmo_xlstm.evaluation.tagging import count_spans, score_tagging, span_macro_f1, span_micro_f1
from elmo_xlstm.runtime.spans import find_spans
from elmo_xlstm.tasks.predictor import Prediction

Labels = Sequence[str]


@dataclass(frozen=True)
class Comparison:
    """Predicted labels compared with the gold.

    Attributes:
        metrics: corpus-level scores by name.
        intervals: 95 % bootstrap intervals of some of them.
        types: scores per span type or label.
        kind: of the counts in ``statistics``.
        statistics: (S, K), a row for each example; their sum determines the scores.
        confusion: of labels; None for spans.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    types: Mapping[str, TypeScore]
    kind: Kind
    statistics: NDArray[np.int64]
    confusion: Confusion | None = None


@dataclass(frozen=True)
class Scores(Comparison):
    """A comparison with the predictions.

    Attributes:
        predictions: for each example.
    """

    predictions: Sequence[Prediction] = ()


def compare_labels(
    gold: Sequence[Labels], predicted: Sequence[Labels], labels: Sequence[str], main_metric: str
) -> Comparison:
    """Scores over all labels of all examples together.

    Args:
        gold: of each example, its label or one for each aspect.
        predicted: as many.
        labels: all that may occur.
        main_metric: has an interval, as macro F1 and accuracy do.

    Raises:
        ValueError: there are no gold labels, or other ones than ``labels``.
    """
    scores = score_labels(gold, predicted)
    counts = count_labels(gold, predicted, labels)
    statistics = counts.statistics()
    metrics = {"macro_f1": label_macro_f1, "accuracy": label_accuracy}
    further = {"weighted_f1": label_weighted_f1, "micro_f1": label_accuracy}
    if main_metric in further:
        metrics[main_metric] = further[main_metric]
    confusion = None
    if len(counts.labels) <= MOST_CONFUSED:
        confusion = Confusion(labels=list(counts.labels), counts=counts.confusion().tolist())
    return _comparison(scores.metrics(), scores.labels, "labels", statistics, metrics, confusion)


def compare_spans(
    gold: Sequence[Labels], predicted: Sequence[Labels], labels: Sequence[str], plain: bool = False
) -> Comparison:
    """Scores of spans; in the statistics all types have a place that the labels have.

    Args:
        gold: tags of each text.
        predicted: as many.
        labels: all tags that may occur.
        plain: tags are labels of single words and mark no spans.

    Raises:
        ValueError: gold tags mark no spans where tags should, or there are none.
    """
    scores = score_tagging(gold, predicted, plain)
    types = count_spans([labels], [labels], plain=plain).types
    statistics = count_spans(gold, predicted, types, plain).statistics()
    metrics = {"macro_f1": span_macro_f1, "micro_f1": span_micro_f1}
    return _comparison(scores.metrics(), scores.types, "spans", statistics, metrics)


def _comparison(
    measured: Mapping[str, float],
    types: Mapping[str, Any],
    kind: Kind,
    statistics: NDArray[np.int64],
    metrics: Mapping[str, Callable[..., Any]],
    confusion: Confusion | None = None,
) -> Comparison:
    """A comparison with bootstrap intervals of ``metrics``, which are functions of the statistics."""
    intervals = {name: bootstrap_interval(statistics, metric) for name, metric in metrics.items()}
    return Comparison(
        metrics=measured,
        intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
        types={
            name: TypeScore(precision=s.precision, recall=s.recall, f1=s.f1, support=s.support)
            for name, s in types.items()
        },
        kind=kind,
        statistics=statistics,
        confusion=confusion,
    )


def list_spans(words: Sequence[str], tags: Labels) -> list[dict[str, Any]]:
    """The spans that tags mark, as JSON values: type, first word, the word after the last, and the text."""
    return [
        {"type": kind, "start": start, "end": stop, "text": " ".join(words[start:stop])}
        for kind, start, stop in find_spans(tags)
    ]
