from __future__ import annotations

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.evaluation.leaderboard.board import Column, build_board
from elmo_xlstm.evaluation.published import GROUPS, PublishedScore

NERP = Column("nerp", "macro_f1")


def row(board, model):
    return next(row for row in board.rows if row.model == model)


@settings(max_examples=40, deadline=None)
@given(scores=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_mean_and_standard_deviation_over_seeds(result, scores):
    cell = row(build_board([result(s, seed=i) for i, s in enumerate(scores)], []), "bilm").cells[NERP]
    assert cell.mean == pytest.approx(100 * statistics.fmean(scores))
    assert cell.sd == pytest.approx(100 * statistics.stdev(scores), abs=1e-9)
    assert cell.seeds == len(scores)


def test_one_seed_has_no_deviation(result):
    cell = row(build_board([result(0.5)], []), "bilm").cells[NERP]
    assert (cell.mean, cell.sd, cell.seeds) == (50.0, None, 1)


def test_only_the_test_split_counts(result):
    board = build_board([result(0.9, split="valid", seed=1), result(0.5)], [])
    assert row(board, "bilm").cells[NERP].mean == 50.0


def test_columns_are_the_measured_tasks_in_the_benchmarks_order(result):
    board = build_board([result(task=task) for task in ("own-data", "nerp", "emot", "terma")])
    assert [column.task for column in board.columns] == ["emot", "terma", "nerp", "own-data"]
    assert [column.task for column in build_board([]).columns] == [t for tasks in GROUPS.values() for t in tasks]


def test_published_micro_figures_never_stand_in_the_macro_column(result):
    board = build_board([result(0.5, micro=0.9)])
    assert board.columns == (NERP,)
    assert not any("NusaBERT" in row.model for row in board.rows)
    assert row(board, "indobert-large-p1").cells[NERP].mean == 79.25
    micro = build_board([result(0.5, micro=0.9, main_metric="micro_f1")])
    assert [r.model for r in micro.rows if r.source][:1] == ["NusaBERT-large (fine-tuned)"]
    assert row(micro, "bilm").cells == {Column("nerp", "micro_f1"): row(micro, "bilm").cells[micro.columns[0]]}
    assert not any(r.model == "indobert-large-p1" for r in micro.rows)


def test_runs_by_different_main_metrics_have_columns_of_their_own(result):
    board = build_board([result(0.5, micro=0.9), result(0.5, micro=0.9, seed=1, main_metric="micro_f1")], [])
    cells = row(board, "bilm").cells
    assert cells[NERP].mean == 50.0
    assert cells[Column("nerp", "micro_f1")].mean == 90.0


def test_averages_only_where_all_tasks_of_the_group_are_there(result):
    tasks = GROUPS["classification"]
    full = [result(i / 10, task=task, model="full") for i, task in enumerate(tasks)]
    part = [result(0.9, task=task, model="part") for task in tasks[1:]]
    board = build_board([*full, *part])
    assert board.groups == ("classification",)
    assert row(board, "full").averages == {"classification": pytest.approx(20.0)}
    assert row(board, "part").averages == {}
    assert row(board, "indobert-large-p2").averages["classification"] == pytest.approx(
        statistics.fmean([79.47, 92.03, 94.94, 93.38, 80.30])
    )
    assert build_board(full[1:]).groups == ()


def test_rows_are_sorted_best_first_and_incomplete_ones_last(result):
    runs = [result(s, model=m, task=t) for m, t, s in [("a", "nerp", 0.4), ("a", "posp", 0.6), ("b", "nerp", 0.9)]]
    runs += [result(s, model="c", task=t) for t, s in [("nerp", 0.5), ("posp", 0.6)]]
    assert [r.model for r in build_board(runs, []).rows] == ["c", "a", "b"]


def test_a_measured_system_and_a_published_one_of_the_same_name_stay_apart(result):
    published = [PublishedScore("nerp", "macro_f1", "bilm", 60.0, "a paper")]
    rows = build_board([result(0.5)], published).rows
    assert [(r.model, r.source) for r in rows] == [("bilm", "a paper"), ("bilm", None)]


def test_parameters_are_shown_only_if_all_runs_agree(result):
    assert row(build_board([result()], []), "bilm").parameters == 61_000_000
    other = {"total": 5, "trainable": 5, "frozen_bilm": 0}
    assert row(build_board([result(), result(seed=1, parameters=other)], []), "bilm").parameters is None
