from __future__ import annotations

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.classification import score_labels
from elmo_xlstm.modules import Classifier, LabelledExample, PairClassifier, Sentence
from elmo_xlstm.tasks.classification import ClassificationTask
from elmo_xlstm.tasks.data.examples import LabelledText
from elmo_xlstm.tasks.predict import predict_file
from elmo_xlstm.tasks.predictor import Prediction

GOLD = ["pos", "neg", "none", "pos"]
PREDICTED = ["pos", "pos", "none", "neg"]


@pytest.fixture
def task(labelled_settings, tmp_path):
    task = labelled_settings("classification", tmp_path, bilm=False).task.build(None)
    task.prepare()
    return task


def examples(labels) -> list[LabelledText]:
    return [LabelledText.of_texts(["hari ini"], [label], f"made up:{n}") for n, label in enumerate(labels, start=1)]


def predict(monkeypatch, task, labels) -> None:
    """Put labels in place of the model's own."""
    rows = [Prediction([label], [[0.2, 0.3, 0.5]]) for label in labels]
    monkeypatch.setattr(task.model, "predict", lambda *_: rows)


def test_scores(task, monkeypatch) -> None:
    predict(monkeypatch, task, PREDICTED)
    scores = task.score(examples(GOLD))
    assert scores.metrics == score_labels([[x] for x in GOLD], [[x] for x in PREDICTED]).metrics()
    assert scores.metrics["accuracy"] == 0.5 and scores.types["pos"].support == 2
    assert scores.confusion.labels == ["pos", "neg", "none"]
    assert scores.confusion.counts == [[1, 1, 0], [1, 0, 0], [0, 0, 1]]  # gold rows, predicted columns
    for name, (low, high) in scores.intervals.items():
        assert low <= scores.metrics[name] <= high


def test_other_labels_cannot_be_scored(task, monkeypatch) -> None:
    predict(monkeypatch, task, ["pos"])
    with pytest.raises(UserError, match="tiny: these examples cannot be scored: label 'mixed' is not among"):
        task.score(examples(["mixed"]))


def test_too_many_labels_have_no_table_of_confusions(task, monkeypatch) -> None:
    monkeypatch.setattr("elmo_xlstm.tasks.scores.MOST_CONFUSED", 2)
    predict(monkeypatch, task, PREDICTED)
    assert task.score(examples(GOLD)).confusion is None


def test_what_is_kept_whole_is_set(labelled_settings, tmp_path) -> None:
    example = LabelledText.of_texts(["bagus:) @budi"], ["pos"], "made up:1")
    for settings, words in (
        ({}, "bagus :) @budi"),
        ({"keep_whole": ["mention"]}, "bagus : ) @budi"),
        ({"keep_whole": []}, "bagus : ) @ budi"),
    ):
        task = labelled_settings("classification", tmp_path, bilm=False, **settings).task.build(None)
        assert task.texts(example) == (tuple(words.split()),)


def test_the_benchmarks_texts_keep_nothing_whole_unless_that_is_set() -> None:
    example = LabelledText.of_texts(["#tag :) ❤\ufe0f"], ["happy"], "made up:1")
    values = {"type": "classification", "name": "emot", "dataset": {"type": "indonlu", "name": "emot"}}
    values["head"] = {"words": {}}
    for settings, words in (({}, "# tag : ) ❤"), ({"keep_whole": ["hashtag"]}, "#tag : ) ❤")):
        task = validate(ClassificationTask.Config, {**values, **settings}).build(None)
        assert task.texts(example) == (tuple(words.split()),)


def test_probabilities_are_named_by_their_labels(task, monkeypatch, tmp_path) -> None:
    predict(monkeypatch, task, ["none"])
    (tmp_path / "input.txt").write_text("hari ini\n")
    (row,) = predict_file(task, tmp_path / "input.txt")
    found = {"text": "hari ini", "label": "none", "probabilities": {"pos": 0.2, "neg": 0.3, "none": 0.5}}
    assert row == {"row": 1, **found, "score": 0.5}


@pytest.mark.parametrize(
    ("kind", "head", "labels"),
    [("classification", Classifier, 1), ("aspects", Classifier, 2), ("pairs", PairClassifier, 1)],
)
def test_heads_and_examples(kind, head, labels, labelled_settings, tmp_path) -> None:
    task = labelled_settings(kind, tmp_path, bilm=False).task.build(None)
    task.prepare()
    assert isinstance(task.model.head, head)
    target = ["neg"] * labels
    example = task.model.example((Sentence(["hari"]),) * (2 if kind == "pairs" else 1), target)
    assert isinstance(example, LabelledExample) and task.model.texts(example) == example.texts
    batch = task.model.collate([example, example])
    assert batch.labels.tolist() == [[1] * labels] * 2
    for prediction in task.model.predict_batch(batch):
        probabilities = torch.tensor(prediction.probabilities)
        assert probabilities.shape == (labels, 3)
        assert prediction.labels == [task.space.labels[index] for index in probabilities.argmax(dim=-1)]
