from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from elmo_xlstm.evaluation.bootstrap import bootstrap_interval
from elmo_xlstm.evaluation.classification import (
    count_labels,
    label_accuracy,
    label_macro_f1,
    label_weighted_f1,
    score_labels,
)

LABELS = ("neg", "neut", "pos", "neg_pos")
label = st.sampled_from(LABELS)


@st.composite
def classifications(draw):
    """Gold and predicted labels of as many aspects for each example."""
    aspects, examples = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    rows = st.lists(st.lists(label, min_size=aspects, max_size=aspects), min_size=examples, max_size=examples)
    return draw(rows), draw(rows)


def flat(rows):
    return [value for row in rows for value in row]


@given(classifications())
@settings(max_examples=40, deadline=None)
def test_counts_give_what_scikit_learn_gives_without_labels(rows) -> None:
    gold, predicted = rows
    totals = count_labels(gold, predicted, LABELS).statistics().sum(axis=0)
    true, guessed = flat(gold), flat(predicted)
    for metric, average in ((label_macro_f1, "macro"), (label_weighted_f1, "weighted"), (label_accuracy, "micro")):
        assert metric(totals) == pytest.approx(f1_score(true, guessed, average=average, zero_division=0))
    assert label_accuracy(totals) == pytest.approx(accuracy_score(true, guessed))


@given(classifications())
@settings(max_examples=25, deadline=None)
def test_scores_are_scikit_learns(rows) -> None:
    gold, predicted = rows
    true, guessed = flat(gold), flat(predicted)
    scores = score_labels(gold, predicted)
    precision, recall, macro_f1, _ = precision_recall_fscore_support(true, guessed, average="macro", zero_division=0)
    assert (scores.macro_precision, scores.macro_recall, scores.macro_f1) == pytest.approx(
        (precision, recall, macro_f1)
    )
    assert scores.weighted_f1 == pytest.approx(f1_score(true, guessed, average="weighted", zero_division=0))
    assert scores.micro_f1 == pytest.approx(scores.accuracy) == pytest.approx(accuracy_score(true, guessed))
    assert set(scores.labels) == {*true, *guessed}
    for name, found in scores.labels.items():
        expected = precision_recall_fscore_support(true, guessed, labels=[name], zero_division=0)
        assert (found.precision, found.recall, found.f1) == pytest.approx([float(v[0]) for v in expected[:3]])
        assert found.support == true.count(name)
    confusion = count_labels(gold, predicted, LABELS).confusion()
    np.testing.assert_array_equal(confusion, confusion_matrix(true, guessed, labels=LABELS))


def test_only_labels_that_occur_count() -> None:
    gold, predicted = [["pos"], ["neg"], ["pos"]], [["pos"], ["neut"], ["pos"]]
    scores = score_labels(gold, predicted)
    assert scores.macro_f1 == pytest.approx(1 / 3)  # pos 1, neg 0, neut 0; neg_pos is not there
    assert label_macro_f1(count_labels(gold, predicted, LABELS).statistics().sum(axis=0)) == pytest.approx(1 / 3)


def test_aspects_make_one_list() -> None:
    gold = [["neg", "neut"], ["neut", "pos"]]
    predicted = [["neg", "neut"], ["neut", "neut"]]
    counts = count_labels(gold, predicted, LABELS)
    assert counts.counts.sum(axis=(1, 2)).tolist() == [2, 2]
    assert counts.counts[1, 1].tolist() == [0, 1, 0, 0] and counts.counts[1, 2].tolist() == [0, 1, 0, 0]
    scores = score_labels(gold, predicted)
    assert (scores.accuracy, scores.exact_match) == (0.75, 0.5)
    assert scores.macro_f1 == pytest.approx((1 + 0.8 + 0) / 3)


def test_statistics_are_made_for_the_bootstrap() -> None:
    gold = [["pos"], ["neg"]] * 20
    predicted = [["pos"], ["neg"]] * 15 + [["neg"], ["neg"]] * 5
    statistics = count_labels(gold, predicted, LABELS).statistics()
    assert statistics.shape == (40, 16) and statistics.dtype == np.int64
    interval = bootstrap_interval(statistics, label_macro_f1, resamples=200)
    assert interval.low < score_labels(gold, predicted).macro_f1 < interval.high
    many = np.stack([statistics.sum(axis=0)] * 3)
    assert label_macro_f1(many).shape == label_weighted_f1(many).shape == label_accuracy(many).shape == (3,)


def test_nothing_counted_is_zero() -> None:
    nothing = np.zeros(16, dtype=np.int64)
    assert label_macro_f1(nothing) == label_weighted_f1(nothing) == label_accuracy(nothing) == 0


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["a"]], [], "1 gold examples but 0 predicted"),
        ([], [], "nothing to score"),
        ([[]], [[]], "nothing to score"),
        ([["a"], ["a", "b"]], [["a"], ["a"]], "example 1: 2 gold labels but 1 predicted"),
    ],
)
def test_what_cannot_be_compared(gold, predicted, message) -> None:
    for function in (score_labels, lambda g, p: count_labels(g, p, ["a", "b"])):
        with pytest.raises(ValueError, match=message):
            function(gold, predicted)


def test_unknown_labels() -> None:
    with pytest.raises(ValueError, match="label 'x' is not among a, b"):
        count_labels([["a"]], [["x"]], ["a", "b"])
