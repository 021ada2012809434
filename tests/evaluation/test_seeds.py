from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.bootstrap import Interval
from elmo_xlstm.evaluation.outcomes import Outcomes, decode_outcomes, encode_outcomes
from elmo_xlstm.evaluation.seeds import compare_over_seeds, holm, interval_over_seeds


def mean(runs):
    return sum(run.score for run in runs) / len(runs)


@pytest.mark.parametrize("make", ["spans", "labels"])
def test_intervals_hold_the_mean_over_seeds_and_shrink_with_more_examples(request, make):
    make = request.getfixturevalue(make)
    runs = [make(0.7, seed=seed) for seed in range(3)]
    interval = interval_over_seeds(runs)
    assert interval.low < mean(runs) < interval.high
    more = interval_over_seeds([make(0.7, seed=seed, examples=600) for seed in range(3)])
    assert more.high - more.low < 0.6 * (interval.high - interval.low)


def test_equal_seeds_give_the_interval_of_one(spans):
    one = spans(0.7)
    assert interval_over_seeds([one, one.model_copy(update={"seed": 1})]) == interval_over_seeds([one])


def test_without_outcomes_only_a_single_run_has_an_interval_its_own(result, spans):
    old = result(0.5, intervals={"macro_f1": (0.4, 0.6)})
    assert interval_over_seeds([old]) == Interval(0.4, 0.6)
    assert interval_over_seeds([old, spans(0.5, seed=1)]) is None
    assert interval_over_seeds([result(0.5)]) is None


@pytest.mark.parametrize("make", ["spans", "labels"])
def test_a_clear_difference_is_found_and_none_where_there_is_none(request, make):
    make = request.getfixturevalue(make)
    good, bad = ([make(quality, seed=seed) for seed in range(2)] for quality in (0.95, 0.4))
    comparison = compare_over_seeds(good, bad)
    assert comparison.difference == pytest.approx(mean(good) - mean(bad), abs=1e-6)
    assert comparison.p_value < 0.001
    same = compare_over_seeds(good, good)
    assert (same.difference, same.p_value) == (0.0, 1.0)
    assert compare_over_seeds(bad, good).difference == pytest.approx(-comparison.difference)


def test_seeds_are_paired_and_those_of_one_side_left_out(spans):
    first = [spans(0.8, seed=seed) for seed in (0, 1, 2)]
    second = [spans(0.6, seed=seed) for seed in (2, 1, 5)]
    comparison = compare_over_seeds(first, second)
    assert comparison.difference == pytest.approx(mean(first[1:]) - mean(second[:2]), abs=1e-6)
    assert compare_over_seeds(first[:1], second) is None


def test_an_examples_outcomes_are_exchanged_for_all_seeds_at_once(spans):
    """Repeating a seed adds no evidence."""
    first, second = spans(0.75), spans(0.65)
    once = compare_over_seeds([first], [second])
    thrice = compare_over_seeds(
        *([run.model_copy(update={"seed": seed}) for seed in range(3)] for run in (first, second))
    )
    assert once.p_value == thrice.p_value
    assert 0.001 < once.p_value < 1


def test_other_examples_or_missing_outcomes_are_not_compared(spans, labels, result):
    run = spans(0.8)
    assert compare_over_seeds([run], [spans(0.8, gold_seed=1)]) is None
    assert compare_over_seeds([run], [spans(0.8, examples=59)]) is None
    assert compare_over_seeds([run], [result(0.5)]) is None
    assert compare_over_seeds([run], [labels(0.5)]) is None
    assert compare_over_seeds([run], [spans(0.8, odd="AAA")]) is None
    assert compare_over_seeds([labels()], [labels(labels=("good", "odd", "fair", "bad"))]) is None
    assert compare_over_seeds([run], []) is None


def test_a_metric_that_does_not_follow_from_the_counts_has_no_interval(spans):
    run = spans(0.8)
    odd = run.model_copy(update={"main_metric": "token_accuracy"})
    assert interval_over_seeds([odd]) is None


def test_outcomes_that_are_not_those_of_the_score_are_refused(spans, labels):
    other = spans(0.8).model_copy(update={"outcomes": spans(0.5).outcomes})
    with pytest.raises(UserError, match=r"nerp/bilm/seed-0: its outcomes give macro_f1 0\.\d{6}, its score is"):
        interval_over_seeds([other])
    broken = spans(0.8).model_copy(update={"outcomes": Outcomes(kind="spans", data="AAAA")})
    with pytest.raises(UserError, match="nerp/bilm/seed-0: outcomes are damaged: cut short; measure it again"):
        interval_over_seeds([broken])
    for kind, counts in (("spans", np.ones((3, 4), dtype=int)), ("labels", np.ones((3, 5), dtype=int))):
        wrong = spans(0.8).model_copy(update={"outcomes": encode_outcomes(kind, counts)})
        with pytest.raises(UserError, match=f"none of {kind}"):
            interval_over_seeds([wrong])
    assert decode_outcomes(labels().outcomes).shape == (80, 9)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.5, 0.9]) == [1.0, 1.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    for p, a in zip(p_values, adjusted, strict=True):
        assert p <= a <= min(1, len(p_values) * p) or a == pytest.approx(
            max(holm(sorted(p_values))[: 1 + sorted(p_values).index(p)])
        )
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)
