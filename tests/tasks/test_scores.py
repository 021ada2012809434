from __future__ import annotations

import pytest

from elmo_xlstm.config import ConfigError
from elmo_xlstm.tasks.scores import compare_spans, list_spans

LABELS = ("O", *(f"{mark}-{kind}" for kind in ("POS", "NEG", "NEU") for mark in "BIES"))


def test_spans_count_with_their_polarity() -> None:
    gold = [["S-POS", "O", "B-NEG", "E-NEG"], ["O", "S-NEG"]]
    predicted = [["S-NEG", "O", "B-NEG", "E-NEG"], ["O", "O"]]  # right place and wrong polarity is wrong
    comparison = compare_spans(gold, predicted, LABELS)
    assert comparison.metrics["micro_f1"] == pytest.approx(2 * 1 / (2 + 3))
    assert comparison.metrics["macro_f1"] == pytest.approx((0 + 2 * 1 / (2 + 2)) / 2)
    assert {name: score.support for name, score in comparison.types.items()} == {"NEG": 2, "POS": 1}
    assert comparison.statistics.shape == (2, 9)  # also of NEU, which does not occur
    for name in ("macro_f1", "micro_f1"):
        low, high = comparison.intervals[name]
        assert low <= comparison.metrics[name] <= high


def test_listed_spans_have_their_words() -> None:
    words, tags = ["ac", "kamar", "mandi", "kotor"], ["S-POS", "B-NEG", "E-NEG", "O"]
    assert list_spans(words, tags) == [
        {"type": "POS", "start": 0, "end": 1, "text": "ac"},
        {"type": "NEG", "start": 1, "end": 3, "text": "kamar mandi"},
    ]
    assert list_spans(["a"], ["O"]) == []


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1"])
def test_the_main_metric_is_chosen(ner_settings, metric, tmp_path) -> None:
    task = ner_settings(tmp_path, bilm=False, main_metric=metric).task.build(None)
    assert task.main_metric == metric


def test_other_main_metrics_are_refused(ner_settings, tmp_path) -> None:
    with pytest.raises(ConfigError, match="main_metric"):
        ner_settings(tmp_path, bilm=False, main_metric="token_accuracy")
