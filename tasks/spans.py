"""Tags as spans: their scores, and what they mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from elmo_xlstm.evaluation.bootstrap import bootstrap_interval
from elmo_xlstm.evaluation.results import TypeScore
from elmo_xlstm.evaluation.tagging import count_spans, score_tagging, span_macro_f1, span_micro_f1
from tasks.task import Comparison, Labels


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
    intervals = {
        name: bootstrap_interval(statistics, metric)
        for name, metric in (("macro_f1", span_macro_f1), ("micro_f1", span_micro_f1))
    }
    return Comparison(
        metrics=scores.metrics(),
        intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
        types={
            name: TypeScore(precision=s.precision, recall=s.recall, f1=s.f1, support=s.support)
            for name, s in scores.types.items()
        },
        kind="spans",
        statistics=statistics,
    )


def list_spans(words: Sequence[str], tags: Labels) -> list[dict[str, Any]]:
    """The spans that tags mark, as JSON values: type, first word, the word after the last, and the text."""
    from seqeval.metrics.sequence_labeling import get_entities

    return [
        {"type": kind, "start": start, "end": stop + 1, "text": " ".join(words[start : stop + 1])}
        for kind, start, stop in get_entities(list(tags))
    ]
