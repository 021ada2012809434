from __future__ import annotations

from elmo_xlstm.evaluation.leaderboard.board import Column, build_board
from elmo_xlstm.evaluation.leaderboard.tables import detail_tables, main_table
from elmo_xlstm.evaluation.published import PublishedScore

NERP = Column("nerp", "macro_f1")


def published(value, metric="macro_f1", model="other"):
    return PublishedScore("nerp", metric, model, value, "a paper", 17_700_000)


def texts(table):
    return [tuple(cell.text for cell in row) for row in table.rows]


def emphasis(table, place):
    return {row[0].text: row[place].emphasis for row in table.rows}


def test_the_main_table(result):
    board = build_board([result(0.5), result(0.52, seed=1)], [published(60.0)])
    table = main_table(board)
    assert table.header == ("model", "seeds", "nerp", "parameters", "source")
    assert texts(table) == [
        ("other †", "", "60.00", "17.7 M", "a paper"),
        ("bilm", "2", "51.00 ± 1.41", "61.0 M", "measured here"),
    ]
    assert emphasis(table, 2) == {"other †": "best", "bilm": "best measured"}


def test_ties_as_printed_are_all_best(result):
    runs = [result(0.600001, model="a"), result(0.6, model="b"), result(0.59, model="c")]
    assert emphasis(main_table(build_board(runs, [])), 2) == {"a": "best", "b": "best", "c": ""}


def test_unequal_numbers_of_seeds_are_said(result):
    runs = [result(seed=0), result(seed=1), result(task="posp")]
    assert texts(main_table(build_board(runs, [])))[0][1] == "1–2"


def test_every_row_is_as_long_as_its_header(result):
    runs = [
        result(model=m, task=t, seed=s, types={m: 0.5, "PPL": 0.1}, mix={"input": [0.5] * n})
        for m, n in (("a", 3), ("b", 2))
        for t in ("nerp", "posp")
        for s in (0, 1)
    ]
    board = build_board(runs)
    tables = [main_table(board), *(table for column in board.columns for table in detail_tables(board, column))]
    assert len(tables) == 7
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)


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
    same = build_board([result(), result(seed=1)], [])
    other = build_board([result(), result(seed=1, data={"nerp_ner-prosa/test_preprocess.txt": "beef"})], [])
    assert detail_tables(same, NERP)[0].note == ""
    assert "same data" in detail_tables(other, NERP)[0].note
