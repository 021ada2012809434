from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from elmo_xlstm.evaluation.tagging import count_spans, score_tagging, span_macro_f1, span_micro_f1


def reference(gold, predicted):
    """CoNLL chunks by their definition: (macro F1, micro F1, per type F1)."""

    def chunks(tags):
        found, start = set(), None
        marks = [tag.partition("-")[::2] for tag in tags] + [("O", "")]
        previous = ("O", "")
        for place, (mark, name) in enumerate(marks):
            goes_on = mark in "IE" and previous[0] in "BI" and previous[1] == name
            if start is not None and not goes_on:
                found.add((previous[1], start, place - 1))
                start = None
            if mark != "O" and not goes_on:
                start = place
            previous = (mark, name)
        return found

    def f1(right, guessed, true):
        precision, recall = right / guessed if guessed else 0.0, right / true if true else 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    true = {(i, *span) for i, tags in enumerate(gold) for span in chunks(tags)}
    guessed = {(i, *span) for i, tags in enumerate(predicted) for span in chunks(tags)}
    types = {}
    for name in sorted({span[1] for span in true | guessed}):
        of_type = [{span for span in spans if span[1] == name} for spans in (true & guessed, guessed, true)]
        types[name] = f1(*map(len, of_type))
    macro = sum(types.values()) / len(types) if types else 0.0
    return macro, f1(len(true & guessed), len(guessed), len(true)), types


def sentence_pairs(tags):
    pair = st.lists(st.tuples(tags, tags), min_size=1, max_size=8)
    return st.lists(pair, min_size=1, max_size=6).map(
        lambda pairs: ([[g for g, _ in pair] for pair in pairs], [[p for _, p in pair] for pair in pairs])
    )


BIO = st.sampled_from(["O", "B-PPL", "I-PPL", "B-EVT", "I-EVT", "I-A-B"])
BIOES = st.sampled_from(["O", "B-pos", "I-pos", "E-pos", "S-pos", "B-neg", "E-neg"])
BARE = st.sampled_from(["O", "B", "I"])


@pytest.mark.parametrize("tags", [BIO, BIOES, BARE], ids=["bio", "bioes", "bare"])
def test_equals_the_chunk_definition_and_seqeval(tags):
    @settings(max_examples=150, deadline=None)
    @given(sentence_pairs(tags))
    def check(pair):
        gold, predicted = pair
        scores = score_tagging(gold, predicted)
        macro, micro, types = reference(gold, predicted)
        assert scores.macro_f1 == pytest.approx(macro, abs=1e-12)
        assert scores.micro.f1 == pytest.approx(micro, abs=1e-12)
        assert [score.f1 for score in scores.types.values()] == pytest.approx(list(types.values()), abs=1e-12)
        if types:
            assert scores.macro_f1 == pytest.approx(f1_score(gold, predicted, average="macro", zero_division=0))
            assert scores.micro.f1 == pytest.approx(f1_score(gold, predicted, zero_division=0))

    check()


def test_a_worked_example():
    gold = [["B-PPL", "I-PPL", "O", "B-PLC"], ["B-PLC", "O"]]
    predicted = [["B-PPL", "I-PPL", "O", "B-PPL"], ["B-PLC", "B-EVT"]]
    scores = score_tagging(gold, predicted)
    assert scores.types["PPL"].precision == 0.5
    assert scores.types["PPL"].recall == 1.0
    assert scores.types["PLC"].f1 == pytest.approx(2 / 3)
    assert scores.types["PLC"].support == 2
    assert scores.types["EVT"].support == 0  # a type that only the prediction has lowers the mean
    assert scores.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert scores.micro.f1 == pytest.approx(2 * 2 / (4 + 3))
    assert scores.token_accuracy == pytest.approx(4 / 6)
    assert set(scores.metrics()) == {"macro_f1", "micro_f1", "micro_precision", "micro_recall", "token_accuracy"}


def test_stray_inside_tags_of_the_gold_are_spans():
    gold = [["O", "I-FNB", "I-FNB", "O", "I-EVT", "I-IND"]]
    assert score_tagging(gold, gold).micro.support == 3
    begun = [["O", "B-FNB", "I-FNB", "O", "B-EVT", "B-IND"]]
    assert score_tagging(gold, begun).macro_f1 == 1.0


@pytest.mark.parametrize("tags", [["NN", "VB", "SYM", "$$$"], ["S", "E", "B", "I", "P", "O"], ["O", "B-X", "I-X", "X"]])
def test_plain_tags_are_labels_of_words_whatever_they_are_called(tags):
    from sklearn.metrics import f1_score as classification_f1

    @settings(max_examples=60, deadline=None)
    @given(sentence_pairs(st.sampled_from(tags)))
    def check(pair):
        gold, predicted = pair
        scores = score_tagging(gold, predicted, plain=True)
        flat_gold = [tag for tags in gold for tag in tags]
        flat_predicted = [tag for tags in predicted for tag in tags]
        expected = classification_f1(flat_gold, flat_predicted, average="macro", zero_division=0)
        assert scores.macro_f1 == pytest.approx(expected)
        assert scores.micro.f1 == pytest.approx(scores.token_accuracy)
        assert scores.types.keys() == {*flat_gold, *flat_predicted}
        totals = count_spans(gold, predicted, plain=True).statistics().sum(axis=0)
        assert span_macro_f1(totals) == pytest.approx(expected)

    check()


def test_nothing_found_anywhere_is_zero_without_a_warning():
    scores = score_tagging([["O", "O"]], [["O", "O"]])
    assert (scores.macro_f1, scores.micro.f1, scores.types, scores.token_accuracy) == (0.0, 0.0, {}, 1.0)
    assert score_tagging([["B-X"]], [["O"]]).types["X"].precision == 0.0


def test_an_empty_sentence_is_no_obstacle():
    assert score_tagging([[], ["B-X"]], [[], ["B-X"]]).macro_f1 == 1.0


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"]], [["O"], ["O"]], "1 gold sentences but 2"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], "sentence 1: 2 gold tags but 1"),
        ([], [], "nothing to score"),
        ([["B-X", "NN"]], [["O", "O"]], "'NN' marks no span"),
        ([["B-X"]], [["P"]], "'P' marks no span"),
    ],
)
def test_what_cannot_be_scored_is_refused(gold, predicted, message):
    with pytest.raises(ValueError, match=message):
        score_tagging(gold, predicted)


@settings(max_examples=50, deadline=None)
@given(sentence_pairs(BIO))
def test_counts_carry_all_that_the_scores_need(pair):
    gold, predicted = pair
    counts = count_spans(gold, predicted, types=["ZZZ"])
    scores = score_tagging(gold, predicted)
    totals = counts.statistics().sum(axis=0)
    assert counts.types[-1] == "ZZZ"  # a type without spans changes nothing
    assert span_macro_f1(totals) == pytest.approx(scores.macro_f1)
    assert span_micro_f1(totals) == pytest.approx(scores.micro.f1)
    stacked = np.stack([totals, totals])
    assert span_macro_f1(stacked).shape == (2,)
