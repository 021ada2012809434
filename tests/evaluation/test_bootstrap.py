from __future__ import annotations

import time

import numpy as np
import pytest

from elmo_xlstm.evaluation.bootstrap import approximate_randomisation, bootstrap_interval
from elmo_xlstm.evaluation.tagging import count_spans, score_tagging, span_macro_f1


def accuracy(totals):
    return totals[..., 0] / totals[..., 1]


def outcomes(right, total):
    """(S, 2): right, counted."""
    return np.stack([np.arange(total) < right, np.ones(total)], axis=1).astype(np.int64)


def random_tags(generator, sentences, length=12):
    tags = np.array(["O", "B-PPL", "I-PPL", "B-PLC", "I-PLC", "B-EVT"])
    return [list(map(str, tags[generator.integers(0, len(tags), length)])) for _ in range(sentences)]


def test_interval_has_the_width_that_theory_gives():
    interval = bootstrap_interval(outcomes(300, 400), accuracy, resamples=4000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert interval.low == pytest.approx(0.75 - half, abs=0.006)
    assert interval.high == pytest.approx(0.75 + half, abs=0.006)


def test_interval_covers_the_true_value_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        sample = np.stack([generator.random(150) < 0.7, np.ones(150)], axis=1).astype(np.int64)
        interval = bootstrap_interval(sample, accuracy, resamples=300, level=0.9, seed=seed)
        covered += interval.low <= 0.7 <= interval.high
    assert 165 <= covered <= 195  # 180 expected, standard deviation 4.2


def test_the_same_seed_gives_the_same_interval_and_a_perfect_score_has_none():
    statistics = outcomes(30, 40)
    assert bootstrap_interval(statistics, accuracy, seed=3) == bootstrap_interval(statistics, accuracy, seed=3)
    perfect = bootstrap_interval(outcomes(40, 40), accuracy)
    assert (perfect.low, perfect.high) == (1.0, 1.0)


def test_a_thousand_resamples_of_span_f1_take_less_than_a_second():
    generator = np.random.default_rng(0)
    gold = random_tags(generator, 840)
    predicted = [[tag if generator.random() < 0.8 else "O" for tag in tags] for tags in gold]
    statistics = count_spans(gold, predicted).statistics()
    start = time.perf_counter()
    interval = bootstrap_interval(statistics, span_macro_f1)
    assert time.perf_counter() - start < 1
    score = score_tagging(gold, predicted).macro_f1
    assert interval.low < score < interval.high
    assert interval.high - interval.low < 0.1


def test_resampling_sums_whole_sentences():
    """Every resampled score is the score of some multiset of the sentences."""
    gold = [["B-PPL", "O"], ["B-PLC", "I-PLC"], ["B-PPL", "B-PLC"]]
    predicted = [["B-PPL", "B-PPL"], ["B-PLC", "O"], ["O", "B-PLC"]]
    possible = set()
    for a in range(3):
        for b in range(3):
            for c in range(3):
                chosen = [a, b, c]
                score = score_tagging([gold[i] for i in chosen], [predicted[i] for i in chosen])
                possible.add(round(score.macro_f1, 9))
    seen = []

    def watched(totals):
        scores = span_macro_f1(totals)
        seen.extend(np.atleast_1d(scores))
        return scores

    bootstrap_interval(count_spans(gold, predicted).statistics(), watched, resamples=500)
    assert {round(float(score), 9) for score in seen} == possible


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval(outcomes(1, 2), accuracy, level=level)


def test_no_sentences_are_refused():
    with pytest.raises(ValueError, match="no sentences"):
        bootstrap_interval(np.zeros((0, 2), dtype=np.int64), accuracy)
    with pytest.raises(ValueError, match="shapes"):
        approximate_randomisation(outcomes(1, 2), outcomes(1, 3), accuracy)


def test_randomisation_equals_the_exact_permutation_test():
    """Ten sentences decide between the systems, all for the first: p = 2 / 2**10 exactly."""
    first, second = outcomes(20, 20), outcomes(10, 20)
    comparison = approximate_randomisation(first, second, accuracy, resamples=20_000)
    assert comparison.difference == pytest.approx(0.5)
    assert comparison.p_value == pytest.approx(2 / 2**10, rel=0.5)


def test_a_system_does_not_differ_from_itself():
    comparison = approximate_randomisation(outcomes(5, 20), outcomes(5, 20), accuracy, resamples=200)
    assert (comparison.difference, comparison.p_value) == (0.0, 1.0)


def test_p_values_are_uniform_when_there_is_no_difference():
    generator = np.random.default_rng(5)
    p_values = []
    for seed in range(150):
        pair = [np.stack([generator.random(200) < 0.6, np.ones(200)], axis=1).astype(np.int64) for _ in range(2)]
        p_values.append(approximate_randomisation(*pair, accuracy, resamples=300, seed=seed).p_value)
    share = np.mean(np.array(p_values) < 0.2)
    assert 0.1 < share < 0.3


def test_span_f1_of_two_systems_is_compared_over_the_union_of_their_types():
    generator = np.random.default_rng(2)
    gold = random_tags(generator, 60)
    good = [[tag if generator.random() < 0.95 else "O" for tag in tags] for tags in gold]
    bad = [[tag if generator.random() < 0.5 else "B-ODD" for tag in tags] for tags in gold]
    types = sorted({*count_spans(gold, good).types, *count_spans(gold, bad).types})
    counts = [count_spans(gold, system, types) for system in (good, bad)]
    assert counts[0].types == counts[1].types
    result = approximate_randomisation(*(c.statistics() for c in counts), span_macro_f1, resamples=500)
    expected = score_tagging(gold, good).macro_f1 - score_tagging(gold, bad).macro_f1
    assert result.difference == pytest.approx(expected)
    assert result.p_value == pytest.approx(1 / 501)
