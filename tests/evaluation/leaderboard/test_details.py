from __future__ import annotations

import pytest

from elmo_xlstm.evaluation.leaderboard.board import Column, build_board
from elmo_xlstm.evaluation.leaderboard.tables import NO_OUTCOMES, detail_tables
from elmo_xlstm.evaluation.published import PublishedScore

NERP = Column("nerp", "macro_f1")


def published(value, metric="macro_f1", model="other"):
    return PublishedScore("nerp", metric, model, value, "a paper", 17_700_000)


def texts(table):
    return [tuple(cell.text for cell in row) for row in table.rows]


def test_details_hold_all_metrics_and_micro_figures_in_their_own_column(result):
    board = build_board([result(0.5, micro=0.7)], [published(60.0), published(85.0, "micro_f1", "big")])
    scores = detail_tables(board, NERP)[0]
    assert scores.header == ("model", "seeds", "macro F1", "micro F1", "trainable parameters", "source")
    assert texts(scores) == [
        ("other †", "", "60.00", "", "", "a paper"),
        ("bilm", "1", "50.00", "70.00", "2.0 M", "measured here"),
        ("big †", "", "", "85.00", "", "a paper"),
    ]


def test_published_metrics_that_nothing_measures_have_a_column_too(result):
    board = build_board([result()], [published(27.67, "word perplexity")])
    scores = detail_tables(board, NERP)[0]
    assert "word perplexity" in scores.header
    assert len(detail_tables(board, NERP)) == 1  # neither types nor mixes were measured


def test_types_over_seeds_with_their_support(result):
    runs = [result(seed=0, types={"PPL": 0.5, "EVT": 0.1}), result(seed=1, types={"PPL": 0.7})]
    types = detail_tables(build_board(runs, []), NERP)[1]
    assert types.header == ("type", "in the gold", "bilm")
    assert texts(types) == [("EVT", "7", "10.00"), ("PPL", "7", "60.00 ± 14.14")]


def test_layer_weights_over_seeds(result):
    runs = [result(seed=0, mix={"input": [0.2, 0.8]}), result(seed=1, mix={"input": [0.4, 0.6]})]
    mix = detail_tables(build_board([*runs, result(model="none")], []), NERP)[1]
    assert mix.header == ("model", "mix", "seeds", "layer 0", "layer 1", "γ")
    assert texts(mix) == [("bilm", "input", "2", "0.300 ± 0.141", "0.700 ± 0.141", "1.500 ± 0.000")]


def test_results_on_different_data_are_remarked_upon(result):
    same = build_board([result(), result(model="other")], [])
    other = build_board([result(), result(model="other", data={"nerp_ner-prosa/test_preprocess.txt": "beef"})], [])
    assert detail_tables(same, NERP)[0].note == ""
    assert "same data" in detail_tables(other, NERP)[0].note


def test_intervals_and_tests_stand_beside_the_main_score(spans, result):
    runs = [spans(q, model=m, seed=s) for m, q in (("good", 0.95), ("no-bilm", 0.6)) for s in (0, 1)]
    board = build_board([*runs, result(0.5, model="old")], [published(60.0)])
    scores = detail_tables(board, NERP)[0]
    assert scores.header[:7] == ("model", "seeds", "macro F1", "95 % interval", "against no-bilm", "p", "p (Holm)")
    rows = {row[0]: row for row in texts(scores)}
    low, _, high = rows["good"][3].partition(" to ")
    assert float(low) < board.measured(NERP)["mean"]["good"] < float(high)
    difference = board.measured(NERP)["mean"]["good"] - board.measured(NERP)["mean"]["no-bilm"]
    assert float(rows["good"][4]) == pytest.approx(difference, abs=0.01)
    assert rows["good"][5] == "0.0001"
    assert rows["no-bilm"][4:7] == rows["old"][3:6] == rows["other †"][3:6] == ("", "", "")
    assert scores.note == NO_OUTCOMES
    assert detail_tables(build_board(runs, []), NERP)[0].note == ""


def test_a_row_that_is_worse_has_a_minus(spans):
    board = build_board([spans(0.9), spans(0.3, model="bad")], [], against="bilm")
    assert texts(detail_tables(board, NERP)[0])[1][4].startswith("−")
