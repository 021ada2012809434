from __future__ import annotations

from elmo_xlstm.evaluation.leaderboard.board import Column, build_board
from elmo_xlstm.evaluation.leaderboard.tables import count_title, detail_tables, legend, main_table
from elmo_xlstm.evaluation.published import PublishedScore

NERP = Column("nerp", "macro_f1")


def published(value, metric="macro_f1", model="other"):
    return PublishedScore("nerp", metric, model, value, "a paper", 17_700_000)


def texts(table):
    return [tuple(cell.text for cell in row) for row in table.rows]


def main(board):
    return main_table(board, "sequence labelling")


def emphasis(table, place):
    return {row[0].text: row[place].emphasis for row in table.rows}


def test_the_main_table(result):
    board = build_board([result(0.5), result(0.52, seed=1)], [published(60.0)])
    table = main(board)
    assert table.title == "Sequence labelling"
    assert table.published == {0}
    assert table.header == ("model", "seeds", "nerp", "parameters", "source")
    assert texts(table) == [
        ("other †", "", "60.00", "17.7 M", "a paper"),
        ("bilm", "2", "51.00 ± 1.41", "61.0 M", "measured here"),
    ]
    assert emphasis(table, 2) == {"other †": "best", "bilm": "best measured"}


def test_ties_as_printed_are_all_best(result):
    runs = [result(0.600001, model="a"), result(0.6, model="b"), result(0.59, model="c")]
    assert emphasis(main(build_board(runs, [])), 2) == {"a": "best", "b": "best", "c": ""}


def test_unequal_numbers_of_seeds_are_said(result):
    runs = [result(seed=0), result(seed=1), result(task="posp")]
    board = build_board(runs, [])
    assert texts(main(board))[0][1:4] == ("1–2", "50.00 (1)", "50.00 ± 0.00")
    assert "brackets" in legend(board)
    assert "brackets" not in legend(build_board(runs[:2], []))


def test_significant_differences_have_a_star_that_the_legend_explains(spans):
    runs = [spans(q, model=m, seed=s) for m, q in (("good", 0.95), ("no-bilm", 0.6), ("same", 0.61)) for s in (0, 1)]
    board = build_board(runs, [])
    shown = {row[0]: row[2] for row in texts(main(board))}
    assert shown["good"].endswith(" ★")
    assert "★" not in shown["no-bilm"] + shown["same"]
    assert "★: differs from no-bilm, p < 0.05, by approximate randomisation" in legend(board)
    assert "★" not in legend(build_board(runs[:2], []))


def test_parameters_in_words(result):
    assert [count_title(n) for n in (None, 0, 1200, 61_000_000)] == ["", "0", "1.2 k", "61.0 M"]
    sizes = [{"total": n, "trainable": n, "frozen_bilm": 0} for n in (10_200_000, 10_400_000)]
    board = build_board([result(task=t, parameters=n) for t, n in zip(("nerp", "posp"), sizes, strict=True)], [])
    assert texts(main(board))[0][-2] == "10.2–10.4 M"


def test_every_row_is_as_long_as_its_header(result):
    runs = [
        result(model=m, task=t, seed=s, types={m: 0.5, "PPL": 0.1}, mix={"input": [0.5] * n})
        for m, n in (("a", 3), ("b", 2))
        for t in ("nerp", "posp")
        for s in (0, 1)
    ]
    board = build_board(runs)
    tables = [main(board), *(table for column in board.columns for table in detail_tables(board, column))]
    assert len(tables) == 7
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)
