from __future__ import annotations

import pytest
from sklearn.metrics import f1_score

from elmo_xlstm.tasks.data.examples import LabelledText
from elmo_xlstm.tasks.model import Prediction
from elmo_xlstm.tasks.predict import predict_file

GOLD = [["pos", "none"], ["none", "none"], ["neg", "pos"]]
PREDICTED = [["pos", "none"], ["none", "neg"], ["none", "pos"]]


@pytest.fixture
def task(labelled_settings, tmp_path, monkeypatch):
    """A task whose model says what ``PREDICTED`` holds."""
    task = labelled_settings("aspects", tmp_path, bilm=False).task.build(None)
    task.prepare()
    rows = [Prediction(labels, [[0.5, 0.3, 0.2]] * 2) for labels in PREDICTED]
    monkeypatch.setattr(task.model, "predict", lambda examples, *_: rows[: len(examples)])
    return task


def test_all_aspects_labels_make_one_list(task) -> None:
    scores = task.score([LabelledText.of_texts(["hari"], labels, "made up") for labels in GOLD])
    flat_gold, flat_predicted = (sum(rows, []) for rows in (GOLD, PREDICTED))
    assert scores.metrics["macro_f1"] == pytest.approx(f1_score(flat_gold, flat_predicted, average="macro"))
    assert scores.metrics["accuracy"] == pytest.approx(4 / 6)
    assert scores.metrics["exact_match"] == pytest.approx(1 / 3)
    assert scores.statistics.shape == (3, 9) and (scores.statistics.sum(axis=1) == 2).all()
    assert {name: score.support for name, score in scores.types.items()} == {"pos": 2, "neg": 1, "none": 3}


def test_labels_are_named_by_their_aspects(task, tmp_path) -> None:
    (tmp_path / "input.txt").write_text("hari ini\n")
    (row,) = predict_file(task, tmp_path / "input.txt")
    assert row["labels"] == {"makanan": "pos", "layanan": "none"}
    assert row["probabilities"]["layanan"] == {"pos": 0.5, "neg": 0.3, "none": 0.2}


def test_sizes(task) -> None:
    assert task.space.aspects == ("makanan", "layanan")
    output = task.model.head.output
    assert output.weights[0].shape[0] == output.biases[-1].shape[0] == 2
