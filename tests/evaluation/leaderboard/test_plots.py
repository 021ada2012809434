from __future__ import annotations

import pytest

from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.drawing import LONGEST, readable
from elmo_xlstm.evaluation.leaderboard.plots import MOST_LABELS, MOST_TYPES, plots
from elmo_xlstm.evaluation.results import Confusion, EpochScore


def named(runs, published=()):
    return {plot.name: plot for plot in plots(build_board(runs, published))}


def test_there_are_plots_only_of_what_there_is(result, labels):
    assert named([]) == {}
    assert named([result()]) == {}
    assert list(named([result(mix={"head": [0.5, 0.5]})])) == ["layer-weights"]
    assert list(named([labels()])) == ["smsa-curves", "smsa-types", "smsa-confusion"]


def test_layer_weights_are_means_over_seeds_with_blanks_for_layers_that_lack(result):
    runs = [
        result(mix={"head": [0.2, 0.8]}),
        result(seed=1, mix={"head": [0.4, 0.6]}),
        result(model="deep", mix={"a": [0.1, 0.2, 0.7], "b": [0.5, 0.3, 0.2]}),
    ]
    content = named(runs)["layer-weights"].content
    assert content.rows == ["nerp · bilm", "nerp · deep · a", "nerp · deep · b"]
    expected = [[0.3, 0.7, float("nan")], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]
    assert content.values == [pytest.approx(row, nan_ok=True) for row in expected]


def test_layer_weights_that_were_not_learned_are_not_shown(result):
    fixed = {"task": {"head": {"mix": {"trainable": False}}}}
    runs = [
        result(mix={"head": [0.2, 0.8]}),
        result(model="one-layer", mix={"head": [0.0, 1.0]}),
        result(model="plain-mean", mix={"head": [0.5, 0.5]}, config=fixed),
    ]
    assert named(runs)["layer-weights"].content.rows == ["nerp · bilm"]
    assert named(runs[1:]) == {}


def test_the_best_models_and_the_chosen_row_are_shown(labels):
    runs = [labels(q, model=m) for m, q in (("no-bilm", 0.2), ("d", 0.4), ("c", 0.6), ("b", 0.8), ("a", 1.0))]
    shown = named(runs)
    assert list(shown["smsa-curves"].content.runs) == ["a", "b", "c", "no-bilm"]
    assert list(shown["smsa-types"].content.models) == ["a", "b", "c", "no-bilm"]
    assert list(shown["smsa-confusion"].content.models) == ["a", "no-bilm"]


def test_curves_are_of_each_seed(labels):
    content = named([labels(0.8), labels(0.8, seed=1, curve=[EpochScore(train_loss=None, validation=0.5)])])[
        "smsa-curves"
    ].content
    assert [len(run.curve) for run in content.runs["bilm"]] == [4, 1]
    assert content.metric == "macro F1"


def test_confusions_are_summed_over_seeds_by_label(labels):
    runs = [
        labels(confusion=Confusion(labels=["a", "b"], counts=[[1, 2], [3, 4]])),
        labels(seed=1, confusion=Confusion(labels=["b", "a", "c"], counts=[[10, 20, 0], [30, 40, 0], [0, 0, 5]])),
    ]
    shown = named([run.model_copy(update={"outcomes": None}) for run in runs])["smsa-confusion"].content
    assert shown.models == {"bilm": (["a", "b", "c"], [[41, 32, 0], [23, 14, 0], [0, 0, 5]])}


def test_large_sets_are_cut_to_what_can_be_read(result):
    names = [f"T{number:02d}" for number in range(41)]
    counts = [[number if row == column else 0 for column, number in enumerate(range(41))] for row in range(41)]
    run = result(types=dict.fromkeys(names, 0.5), confusion=Confusion(labels=names, counts=counts))
    shown = named([run])
    assert len(shown["nerp-types"].content.types) == MOST_TYPES
    assert shown["nerp-confusion"].content.models["bilm"][0] == names[-MOST_LABELS:]


def test_two_metrics_of_a_task_have_files_of_their_own(labels):
    runs = [labels(), labels(seed=1, main_metric="accuracy")]
    assert {"smsa-macro_f1-curves", "smsa-accuracy-curves"} <= set(named(runs))


def test_labels_are_made_readable():
    assert (
        readable("a\nb\x00c\ud800")
        == "a\N{REPLACEMENT CHARACTER}b" + "\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}"
    )
    assert len(readable("x" * 1000)) == LONGEST
    assert readable("ñ 名") == "ñ 名"
