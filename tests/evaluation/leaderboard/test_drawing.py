from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import pytest

from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.drawing import creator, draw
from elmo_xlstm.evaluation.leaderboard.plots import plots
from elmo_xlstm.evaluation.results import Confusion, EpochScore

NAMESPACE = "http://www.w3.org/2000/svg"
HOSTILE = '<script>alert(1)</script>&"$\\frac{'


def drawn(runs):
    return {plot.name: draw(plot) for plot in plots(build_board(runs, []))}


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
