"""What is the same for the models of all kinds of task; tests/tasks/tagging/test_model.py tests the rest with tags."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.predictor import LABELS_FILE, WEIGHTS_FILE, LabelSpace

KINDS = ["classification", "aspects", "pairs"]


@pytest.fixture(params=KINDS)
def task(request, labelled_settings, embedder, tmp_path):
    task = labelled_settings(request.param, tmp_path).task.build(embedder)
    torch.manual_seed(0)
    task.prepare()
    return task


def read(task, split: str = "test"):
    return task.model.read([task.texts(example) for example in task.split(split)])


def test_predictions_keep_the_order_of_the_examples(task) -> None:
    examples = read(task)
    predictions = task.model.predict(examples, batch_size=5)
    for example, prediction in zip(examples, predictions, strict=True):
        (alone,) = task.model.predict([example])
        assert alone.labels == prediction.labels
        torch.testing.assert_close(torch.tensor(alone.probabilities), torch.tensor(prediction.probabilities))
        assert len(prediction.labels) == max(1, len(task.space.aspects))
        for label, row in zip(prediction.labels, prediction.probabilities, strict=True):
            assert sum(row) == pytest.approx(1, abs=1e-5) and max(row) == row[task.space.labels.index(label)]


def test_layers_belong_to_their_texts(task) -> None:
    for example, source in zip(read(task), task.split("test"), strict=True):
        for sentence, words in zip(example.texts, source.words, strict=True):
            assert tuple(sentence.words) == words and len(sentence.layers) == len(words)
            (alone,) = task.model.embedder([list(words)])
            torch.testing.assert_close(torch.tensor(sentence.layers).float(), torch.tensor(alone), atol=0.02, rtol=0.01)
        assert task.model.length(example) == sum(len(words) for words in source.words)


def test_save_and_load(task, embedder, tmp_path) -> None:
    task.model.save(tmp_path)
    loaded = type(task.model).load(tmp_path, task.config.head, embedder, lower_case=False)
    assert loaded.space == task.model.space
    before = task.model.predict(read(task))
    assert loaded.predict(read(task)) == before
    stored = json.loads((tmp_path / LABELS_FILE).read_text())
    assert stored == {"labels": list(task.space.labels), "aspects": list(task.space.aspects)}


@pytest.mark.parametrize(
    ("name", "content"),
    [(LABELS_FILE, b"[]"), (LABELS_FILE, b'{"labels": []}'), (WEIGHTS_FILE, b"x"), (WEIGHTS_FILE, b"")],
)
def test_damaged_files(name, content, labelled_settings, embedder, tmp_path) -> None:
    task = labelled_settings("classification", tmp_path).task.build(embedder)
    task.prepare()
    task.model.save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="no trained head there .* --resume"):
        task.load(tmp_path)


def test_weights_that_are_no_numbers_are_refused(task, embedder, tmp_path) -> None:
    task.model.save(tmp_path)
    weights = load_file(tmp_path / WEIGHTS_FILE)
    name = max(weights)
    weights[name].view(-1)[-1] = float("nan")
    save_file(weights, tmp_path / WEIGHTS_FILE)
    with pytest.raises(UserError, match=name):
        type(task.model).load(tmp_path, task.config.head, embedder, lower_case=False)


def test_spaces_compare_by_value() -> None:
    assert LabelSpace(("a", "b")) == LabelSpace(("a", "b"), ()) != LabelSpace(("a", "b"), ("c",))
