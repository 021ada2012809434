from __future__ import annotations

from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.pictures import LONGEST, MOST_LABELS, MOST_TYPES, pictures, readable
from elmo_xlstm.evaluation.results import Confusion, EpochScore


def named(runs, published=()):
    return {picture.name: picture for picture in pictures(build_board(runs, published))}


def test_there_are_pictures_only_of_what_there_is(result, labels):
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
    assert content.columns == ["layer 0", "layer 1", "layer 2"]
    assert content.values == [[0.3, 0.7, None], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]


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
    assert [panel.model for panel in shown["smsa-confusion"].content.panels] == ["a", "no-bilm"]


def test_curves_are_of_each_seed(labels):
    content = named([labels(0.8), labels(0.8, seed=1, curve=[EpochScore(train_loss=None, validation=0.5)])])[
        "smsa-curves"
    ].content
    first, second = content.runs["bilm"]
    assert first.losses == [1.0, 0.5, 0.3333, 0.25]
    assert first.validation == [0.0, 10.0, 20.0, 30.0]
    assert (second.losses, second.validation) == ([None], [50.0])
    assert content.metric == "macro F1"


def test_confusions_are_summed_over_seeds_by_label(labels):
    runs = [
        labels(confusion=Confusion(labels=["a", "b"], counts=[[1, 2], [3, 4]])),
        labels(seed=1, confusion=Confusion(labels=["b", "a", "c"], counts=[[10, 20, 0], [30, 40, 0], [0, 0, 5]])),
    ]
    for run in runs:
        run.model_copy(update={"outcomes": None})
    [panel] = named([run.model_copy(update={"outcomes": None}) for run in runs])["smsa-confusion"].content.panels
    assert panel.labels == ["a", "b", "c"]
    assert panel.counts == [[41, 32, 0], [23, 14, 0], [0, 0, 5]]


def test_large_sets_are_cut_to_what_can_be_read(result):
    names = [f"T{number:02d}" for number in range(41)]
    counts = [[number if row == column else 0 for column, number in enumerate(range(41))] for row in range(41)]
    run = result(types=dict.fromkeys(names, 0.5), confusion=Confusion(labels=names, counts=counts))
    shown = named([run])
    assert len(shown["nerp-types"].content.types) == MOST_TYPES
    assert shown["nerp-confusion"].content.panels[0].labels == names[-MOST_LABELS:]


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


def test_the_digest_tells_data_apart_and_nothing_else(result):
    def digest(weights, **values):
        return named([result(mix={"head": weights}, **values)])["layer-weights"].digest

    assert digest([0.5, 0.5]) == digest([0.5, 0.5], command="another")
    assert digest([0.5, 0.5]) != digest([0.4, 0.6])
    assert digest([0.5, 0.5]) != digest([0.5, 0.5], task="posp")
