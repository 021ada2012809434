from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import pytest

from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.plots import LONGEST, MOST_LABELS, MOST_TYPES, creator, plots, readable
from elmo_xlstm.evaluation.results import Confusion, EpochScore

NAMESPACE = "http://www.w3.org/2000/svg"
HOSTILE = '<script>alert(1)</script>&"$\\frac{'


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
    content = named(runs)["layer-weights"].content.keywords
    assert content["rows"] == ["nerp · bilm", "nerp · deep · a", "nerp · deep · b"]
    expected = [[0.3, 0.7, float("nan")], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]
    assert content["values"] == [pytest.approx(row, nan_ok=True) for row in expected]


def test_layer_weights_that_were_not_learned_are_not_shown(result):
    fixed = {"task": {"head": {"mix": {"trainable": False}}}}
    runs = [
        result(mix={"head": [0.2, 0.8]}),
        result(model="one-layer", mix={"head": [0.0, 1.0]}),
        result(model="plain-mean", mix={"head": [0.5, 0.5]}, config=fixed),
    ]
    assert named(runs)["layer-weights"].content.keywords["rows"] == ["nerp · bilm"]
    assert named(runs[1:]) == {}


def test_the_best_models_and_the_chosen_row_are_shown(labels):
    runs = [labels(q, model=m) for m, q in (("no-bilm", 0.2), ("d", 0.4), ("c", 0.6), ("b", 0.8), ("a", 1.0))]
    shown = named(runs)
    assert list(shown["smsa-curves"].content.keywords["runs"]) == ["a", "b", "c", "no-bilm"]
    assert list(shown["smsa-types"].content.keywords["models"]) == ["a", "b", "c", "no-bilm"]
    assert list(shown["smsa-confusion"].content.keywords["models"]) == ["a", "no-bilm"]


def test_curves_are_of_each_seed(labels):
    content = named([labels(0.8), labels(0.8, seed=1, curve=[EpochScore(train_loss=None, validation=0.5)])])[
        "smsa-curves"
    ].content.keywords
    assert [len(run.curve) for run in content["runs"]["bilm"]] == [4, 1]
    assert content["metric"] == "macro F1"


def test_confusions_are_summed_over_seeds_by_label(labels):
    runs = [
        labels(confusion=Confusion(labels=["a", "b"], counts=[[1, 2], [3, 4]])),
        labels(seed=1, confusion=Confusion(labels=["b", "a", "c"], counts=[[10, 20, 0], [30, 40, 0], [0, 0, 5]])),
    ]
    shown = named([run.model_copy(update={"outcomes": None}) for run in runs])["smsa-confusion"].content
    assert shown.keywords["models"] == {"bilm": (["a", "b", "c"], [[41, 32, 0], [23, 14, 0], [0, 0, 5]])}


def test_large_sets_are_cut_to_what_can_be_read(result):
    names = [f"T{number:02d}" for number in range(41)]
    counts = [[number if row == column else 0 for column, number in enumerate(range(41))] for row in range(41)]
    run = result(types=dict.fromkeys(names, 0.5), confusion=Confusion(labels=names, counts=counts))
    shown = named([run])
    assert len(shown["nerp-types"].content.keywords["types"]) == MOST_TYPES
    assert shown["nerp-confusion"].content.keywords["models"]["bilm"][0] == names[-MOST_LABELS:]


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


def drawn(runs):
    return {plot.name: plot.draw() for plot in plots(build_board(runs, []))}


def words(svg):
    return {element.text for element in ElementTree.fromstring(svg).iter(f"{{{NAMESPACE}}}text")}


@pytest.fixture(scope="module")
def shown(labels):
    runs = [
        labels(q, model=m, seed=s, mix={"head": [0.2, 0.3, 0.5]} if m == "bilm" else {})
        for m, q in (("bilm", 0.9), ("no-bilm", 0.6))
        for s in (0, 1)
    ]
    return runs, drawn(runs)


def test_every_plot_says_what_it_shows(shown):
    _, svgs = shown
    assert list(svgs) == ["layer-weights", "smsa-curves", "smsa-types", "smsa-confusion"]
    assert {"smsa · bilm", "layer 0", "layer 2", "0.20", "0.50"} <= words(svgs["layer-weights"])
    assert {"training loss", "epoch", "bilm (2 seeds)", "no-bilm (2 seeds)"} <= words(svgs["smsa-curves"])
    assert {"bad", "fair", "good", "bilm", "no-bilm"} <= words(svgs["smsa-types"])
    assert {"gold", "predicted", "bad", "100", "bilm, % of the gold"} <= words(svgs["smsa-confusion"])


def test_plots_name_what_drew_them_and_no_date(shown):
    for svg in shown[1].values():
        assert creator() in svg
        assert "dc:date" not in svg


def test_the_same_data_give_the_same_bytes_whatever_the_users_settings(shown):
    runs, svgs = shown
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 7, "svg.hashsalt": "other"}):
        assert drawn(runs) == svgs


def test_names_are_text_and_never_markup_or_formulae(result):
    confusion = Confusion(labels=[HOSTILE, "\x00\x0b"], counts=[[1, 0], [0, 0]])
    runs = [result(types={HOSTILE: 0.5}, mix={HOSTILE: [0.4, 0.6], "other": [0.4, 0.6]}, confusion=confusion)]
    svgs = drawn(runs)
    assert len(svgs) == 3
    for svg in svgs.values():
        assert {element.tag for element in ElementTree.fromstring(svg).iter()} & {
            "script",
            f"{{{NAMESPACE}}}script",
        } == set()
    assert any(word.startswith("<script>alert(1)") for word in words(svgs["nerp-types"]))


def test_gaps_and_single_epochs_can_be_drawn(result):
    curve = [EpochScore(train_loss=None, validation=0.5)]
    runs = [result(curve=curve), result(model="b", types={"A": 0.5}), result(model="c", types={"B": 0.0})]
    assert set(drawn(runs)) == {"nerp-curves", "nerp-types"}


def test_empty_matrices_can_be_drawn(result):
    names = [f"a long label of number {number}" for number in range(15)]
    runs = [result(mix={"head": [0.0, 0.0]}, confusion=Confusion(labels=names, counts=[[0] * 15] * 15))]
    assert set(drawn(runs)) == {"layer-weights", "nerp-confusion"}
