from __future__ import annotations

import statistics

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.leaderboard.board import Column, average, build_board
from elmo_xlstm.evaluation.leaderboard.tables import main_table
from elmo_xlstm.evaluation.published import GROUPS, PublishedScore

NERP = Column("nerp", "macro_f1")


def score(board, model, column=NERP):
    """The one row of a system for a column."""
    scores = board.scores
    [found] = scores[(scores.model == model) & (scores.task == column[0]) & (scores.metric == column[1])].itertuples()
    return found


def systems(board, section="sequence labelling"):
    """In the order of the table."""
    return list(board.scores[board.scores.section == section].model.unique())


def average_of(board, model):
    return score(board, model, (average("classification"), "macro_f1")).mean


@settings(max_examples=40, deadline=None)
@given(scores=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_mean_and_standard_deviation_over_seeds(result, scores):
    cell = score(build_board([result(s, seed=i) for i, s in enumerate(scores)], []), "bilm")
    assert cell.mean == pytest.approx(100 * statistics.fmean(scores))
    assert cell.sd == pytest.approx(100 * statistics.stdev(scores), abs=1e-9)
    assert cell.seeds == len(scores)


def test_one_seed_has_no_deviation(result):
    cell = score(build_board([result(0.5)], []), "bilm")
    assert (cell.mean, cell.seeds) == (50.0, 1) and pd.isna(cell.sd)


def test_only_the_test_split_counts(result):
    board = build_board([result(0.9, split="valid", seed=1), result(0.5)], [])
    assert score(board, "bilm").mean == 50.0


def test_columns_are_the_measured_tasks_in_the_benchmarks_order(result):
    board = build_board([result(task=task) for task in ("own-data", "nerp", "emot", "terma")])
    assert [column.task for column in board.columns] == ["emot", "terma", "nerp", "own-data"]
    assert [column.task for column in build_board([]).columns] == [t for tasks in GROUPS.values() for t in tasks]


def test_published_micro_figures_never_stand_in_the_macro_column(result):
    board = build_board([result(0.5, micro=0.9)])
    assert board.columns == (NERP,)
    assert not any("NusaBERT" in model for model in systems(board))
    assert score(board, "indobert-large-p1").mean == 79.25
    micro = build_board([result(0.5, micro=0.9, main_metric="micro_f1")])
    assert systems(micro)[:2] == ["bilm", "NusaBERT-large (fine-tuned)"]
    assert list(micro.scores.metric.unique()) == ["micro_f1"]
    assert "indobert-large-p1" not in systems(micro)


def test_runs_by_different_main_metrics_have_columns_of_their_own(result):
    board = build_board([result(0.5, micro=0.9), result(0.5, micro=0.9, seed=1, main_metric="micro_f1")], [])
    assert score(board, "bilm").mean == 50.0
    assert score(board, "bilm", ("nerp", "micro_f1")).mean == 90.0


def test_averages_only_where_all_tasks_of_the_group_are_there(result):
    tasks = GROUPS["classification"]
    full = [result(i / 10, task=task, model="full") for i, task in enumerate(tasks)]
    part = [result(0.9, task=task, model="part") for task in tasks[1:]]
    board = build_board([*full, *part])
    assert list(board.scores.section.unique()) == ["classification"]
    assert average_of(board, "full") == pytest.approx(20.0)
    averaged = board.scores[board.scores.task == average("classification")]
    assert "full" in set(averaged.model) and "part" not in set(averaged.model)
    published = statistics.fmean([79.47, 92.03, 94.94, 93.38, 80.30])
    assert average_of(board, "indobert-large-p2") == pytest.approx(published)
    assert average("classification") not in set(build_board(full[1:]).scores.task)


def test_an_average_is_of_the_benchmarks_metric_alone(result):
    runs = [result(0.5, task=task) for task in GROUPS["classification"]]
    runs.append(result(0.5, micro=0.9, task="emot", seed=1, main_metric="micro_f1"))
    assert average_of(build_board(runs, []), "bilm") == pytest.approx(50.0)


def test_sections_are_the_benchmarks_groups_and_then_other_tasks(result):
    board = build_board([result(task=task) for task in ("absa_e2e", "nerp", "emot")], [])
    assert list(zip(board.scores.section, board.scores.task, strict=True)) == [
        ("classification", "emot"),
        ("sequence labelling", "nerp"),
        ("other tasks", "absa_e2e"),
    ]
    assert [c.task for c in board.columns] == ["emot", "nerp", "absa_e2e"]


def test_end_to_end_aspects_stand_beside_their_published_neighbours(result):
    board = build_board([result(0.5, micro=0.75, task="absa_e2e", main_metric="micro_f1")])
    shown = dict(zip(board.scores.model, board.scores["mean"], strict=True))
    assert shown["Bi-xLSTM[1:0] + CRF (frozen encoder)"] == 71.81
    assert shown["BERT (cahya 522M) + CRF (frozen encoder)"] == 74.33
    assert shown["bilm"] == 75.0


def test_rows_are_sorted_best_first_and_incomplete_ones_last(result):
    runs = [result(s, model=m, task=t) for m, t, s in [("a", "nerp", 0.4), ("a", "posp", 0.6), ("b", "nerp", 0.9)]]
    runs += [result(s, model="c", task=t) for t, s in [("nerp", 0.5), ("posp", 0.6)]]
    assert systems(build_board(runs, [])) == ["c", "a", "b"]


def test_a_measured_system_and_a_published_one_of_the_same_name_stay_apart(result):
    published = [PublishedScore("nerp", "macro_f1", "bilm", 60.0, "a paper")]
    rows = build_board([result(0.5)], published).scores.itertuples()
    assert [(r.model, r.published, r.source) for r in rows] == [("bilm", True, "a paper"), ("bilm", False, "")]


def test_parameters_are_the_least_and_the_most_over_tasks(result):
    other = {"total": 5, "trainable": 5, "frozen_bilm": 0}
    board = build_board([result(), result(task="posp", parameters=other)], [])
    assert main_table(board, "sequence labelling").rows[0][-2].text == "0.0 k–61.0 M"
    assert {task: score(board, "bilm", (task, "macro_f1")).parameters for task in ("nerp", "posp")} == {
        "nerp": 61_000_000,
        "posp": 5,
    }
    mixed = score(build_board([result(), result(seed=1, parameters=other)], []), "bilm")
    assert pd.isna(mixed.parameters) and (mixed.least, mixed.most) == (5, 61_000_000)


def test_the_row_to_test_against_is_the_one_without_a_language_model_or_the_one_named(result, spans):
    runs = [spans(0.9, model="a"), spans(0.5, model="no-bilm"), spans(0.6, model="c")]
    board = build_board(runs, [])
    assert board.against == "no-bilm"
    assert pd.isna(score(board, "no-bilm").p_value)
    assert score(board, "a").difference == pytest.approx(100 * (runs[0].score - runs[1].score))
    named = build_board(runs, [], against="c")
    assert score(named, "a").difference == pytest.approx(100 * (runs[0].score - runs[2].score))
    assert build_board([runs[0]], []).against is None


def test_a_row_that_was_not_measured_cannot_be_tested_against(result):
    with pytest.raises(UserError, match="--against nothing: no such row was measured; there are: bilm"):
        build_board([result()], against="nothing")
    with pytest.raises(UserError, match="--against mbert"):
        build_board([result()], against="mbert")  # published


def test_p_values_are_corrected_for_all_tests_of_a_section(spans):
    names = ("no-bilm", "a", "b")
    board = build_board(
        [spans(0.9 - 0.05 * i, model=m, task=t) for t in ("nerp", "posp") for i, m in enumerate(names)], []
    )
    tests = board.scores.dropna(subset="p_value")
    assert len(tests) == 4
    lowest = tests.sort_values("p_value").iloc[0]
    assert lowest.p_holm == pytest.approx(min(1, 4 * lowest.p_value))
    assert (tests.p_holm >= tests.p_value).all()
    alone = build_board([spans(0.9 - 0.05 * i, model=m) for i, m in enumerate(names[:2])], [])
    [test] = alone.scores.dropna(subset="p_value").itertuples()
    assert test.p_holm == test.p_value


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"config": {"trainer": {"learning_rate": 0.1}}}, "trainer.learning_rate"),
        ({"checkpoint": "beef"}, "language model"),
        ({"data": {"nerp_ner-prosa/test_preprocess.txt": "beef"}}, "data"),
        ({"data": {}}, "data"),
    ],
)
def test_seeds_that_differ_in_more_than_the_seed_are_refused(result, change, named) -> None:
    with pytest.raises(UserError, match=f"nerp bilm: seeds 0 and 2 differ in {named}\n"):
        build_board([result(), result(seed=1), result(seed=2, **change)], [])
    build_board([result(), result(seed=1), result(model="other", **change)], [])


def test_places_and_settings_that_are_new_make_no_other_row(result) -> None:
    one, other = {"results": "a", "seed": 0, "task": {}}, {"results": "b", "seed": 1, "task": {"new": 1}}
    build_board([result(config=one), result(seed=1, config=other)], [])
