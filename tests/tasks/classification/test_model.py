from __future__ import annotations

import pytest
import torch

from elmo_xlstm.modules import Classifier, LabelledExample, PairClassifier, Sentence


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
