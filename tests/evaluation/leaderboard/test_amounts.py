from __future__ import annotations

import pytest

from elmo_xlstm.evaluation.leaderboard.board import Column, build_board, family, train_fraction
from elmo_xlstm.evaluation.leaderboard.formats import render_pages
from elmo_xlstm.evaluation.leaderboard.plots import plots
from elmo_xlstm.evaluation.leaderboard.tables import detail_tables

NERP = Column("nerp", "macro_f1")


def on(share, **values):
    return {"config": {"task": {"train_fraction": share}}, **values}


@pytest.fixture
def runs(result):
    return [
        result(0.8),
        result(0.7, seed=1),
        result(0.5, model="bilm-25pct", **on(0.25)),
        result(0.3, model="bilm-25pct", seed=1, **on(0.25)),
        result(0.6, model="no-bilm"),
        result(0.1, model="no-bilm-25pct", **on(0.25)),
        result(0.9, model="alone"),
    ]


@pytest.mark.parametrize("config", [{}, {"task": None}, {"task": {}}, *({"task": {"train_fraction": x}} for x in "1")])
def test_a_run_that_does_not_say_had_all_data(result, config):
    assert train_fraction(result(config=config)) == 1


def test_shares_of_one_model_are_one_curve(runs):
    curves = build_board(runs, []).amounts(NERP)
    assert list(curves) == ["bilm", "no-bilm"]  # a model on one amount has no curve
    assert curves["bilm"] == {
        25.0: (pytest.approx(40.0), pytest.approx(14.142, abs=1e-3), 2),
        100.0: (pytest.approx(75.0), pytest.approx(7.071, abs=1e-3), 2),
    }
    assert {share: spread.sd for share, spread in curves["no-bilm"].items()} == {25.0: None, 100.0: None}


def test_only_the_ending_is_the_share():
    assert family("bilm-12.5pct") == "bilm"
    assert family("bilm-25pct-wide") == "bilm-25pct-wide"


def test_shares_stand_in_no_main_table(runs):
    board = build_board(runs, [])
    assert set(board.scores.model) == {"bilm", "no-bilm", "alone"}
    assert set(board.runs(NERP)) == {"bilm", "no-bilm", "alone"}


def test_they_have_a_table_and_a_plot(runs):
    board = build_board(runs, [])
    table = detail_tables(board, NERP)[-1]
    assert table.header == ("model", "seeds", "25 %", "100 %")
    assert [cell.text for cell in table.rows[0]] == ["bilm", "2", "40.00 ± 14.14", "75.00 ± 7.07"]
    [plot] = [plot for plot in plots(board) if plot.name == "nerp-amounts"]
    svg = plot.draw()
    assert all(text in svg for text in ("bilm", "no-bilm", "25", "100", "share of the training data"))
    assert ">alone<" not in svg
    assert "plots/nerp-amounts.svg" in render_pages(board, [plot])["leaderboard.md"]


def test_there_is_none_without_shares(result):
    board = build_board([result(0.8)], [])
    assert [table.title for table in detail_tables(board, NERP)] == ["Scores"]
    assert not [plot for plot in plots(board) if plot.name.endswith("amounts")]
