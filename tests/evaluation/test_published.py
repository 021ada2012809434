from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.published import GROUPS, PublishedScore, read_own_published, read_published


def by_key():
    return {(s.task, s.metric, s.model): s for s in read_published()}


def test_tables_are_complete():
    macro = [s for s in read_published() if s.metric == "macro_f1"]
    table5 = [s for s in macro if s.source == "Wilie et al. 2020, Table 5"]
    others = [s for s in macro if s not in table5]
    tasks = {task for group in GROUPS.values() for task in group}
    assert (len(tasks), len({s.model for s in table5}), len(table5)) == (12, 15, 180)
    assert {s.model for s in others} == {"nusabert-base", "nusabert-large"}
    assert {s.task for s in others} == set(GROUPS["classification"]) and len(others) == 10


def test_figures_are_where_they_belong():
    scores = by_key()
    assert scores["nerp", "macro_f1", "indobert-large-p1"].value == 79.25
    assert scores["facqa", "macro_f1", "scratch"].value == 5.00
    assert scores["emot", "macro_f1", "indobert-large-p2"].value == 79.47
    assert scores["nerp", "macro_f1", "indobert-base-p1"].parameters == 124_500_000
    assert scores["nerp", "macro_f1", "mbert"].parameters is None


def test_micro_figures_are_kept_apart_from_macro_ones():
    micro = {s.model: s for s in read_published() if s.task == "nerp" and s.metric == "micro_f1"}
    assert micro["NusaBERT-large (fine-tuned)"].value == 85.12
    assert max(s.value for s in read_published() if s.task == "nerp" and s.metric == "macro_f1") == 79.25


def test_every_figure_has_a_source_and_is_listed_once():
    scores = read_published()
    assert all(s.source and s.model for s in scores)
    assert len(by_key()) == len(scores)
    assert all(0 < s.value <= 100 for s in scores)


def test_settings_tell_rows_of_one_system_apart():
    absa = {s.model: s.value for s in read_published() if s.task == "absa_e2e"}
    assert absa["Bi-xLSTM[1:0] + CRF (frozen encoder)"] == 71.81
    assert absa["BERT (cahya 522M) + CRF (frozen encoder)"] == 74.33


HEADER = "task,metric,model,value,source,parameters\n"


def test_scores_of_ones_own_table(tmp_path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"\ufeff{HEADER}ulasan,macro_f1, Model A ,81.5,Siti 2026,124500000\nulasan,accuracy,B,7,catatan,\n")
    assert read_own_published(path) == [
        PublishedScore("ulasan", "macro_f1", "Model A", 81.5, "Siti 2026", 124_500_000),
        PublishedScore("ulasan", "accuracy", "B", 7.0, "catatan"),
    ]
    path.write_text("task,metric,model,value,source\nulasan,macro_f1,A,81.5,x\n")
    assert read_own_published(path)[0].parameters is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ulasan,macro_f1,A,815,x,", "own.csv:2: .*no score in percent"),
        ("ulasan,macro_f1,,81,x,", "own.csv:2: .*no model"),
        ("ulasan,macro_f1,A,tinggi,x,", "own.csv:2"),
        ("ulasan,macro_f1,A,81,x,,,", "more columns"),
    ],
)
def test_broken_tables_of_ones_own(row, message, tmp_path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"{HEADER}{row}\n")
    with pytest.raises(UserError, match=f"{message}.*mend the file"):
        read_own_published(path)
