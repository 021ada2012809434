from __future__ import annotations

import json
import logging

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.tagging import score_tagging
from elmo_xlstm.tasks.data.examples import TaggedSentence
from elmo_xlstm.tasks.data.readers.problems import DataError
from elmo_xlstm.tasks.model import Prediction
from elmo_xlstm.tasks.predict import predict_file
from elmo_xlstm.tasks.tagging import TaggingTask


@pytest.fixture
def task(ner_settings, embedder, tmp_path) -> TaggingTask:
    task = ner_settings(tmp_path).task.build(embedder)
    task.prepare()
    return task


def sentence(words: str, tags: str) -> TaggedSentence:
    return TaggedSentence(tuple(words.split()), tuple(tags.split()), "made up")


def predict(monkeypatch, task: TaggingTask, tags: list[list[str]]) -> None:
    """Put tags in place of the model's own."""
    monkeypatch.setattr(task.model, "predict", lambda *_: [Prediction(sentence) for sentence in tags])


def test_sizes(ner_settings, embedder, tmp_path) -> None:
    sizes = ner_settings(tmp_path).task.build(embedder).prepare()
    assert sizes["sentences"] == {"train": 25, "valid": 6, "test": 9}
    assert sizes["labels"] == 5
    assert set(sizes["parameters"]) >= {"mix", "characters", "words", "encoder", "projection"}


def test_training_tags_that_break_bioes_are_listed_with_their_lines(ner_settings, embedder, tmp_path) -> None:
    settings = ner_settings(tmp_path).task
    path = tmp_path / "train.conll"
    path.write_text("Ani\tS-PER\ndi\tO\nKota\tB-LOC\nTua\tE-LOC\n\nIa\tI-PER\npergi\tO\n\n", encoding="utf-8")
    labels = ("O", *(f"{mark}-{kind}" for kind in ("PER", "LOC") for mark in "BIES"))
    head = settings.head.model_copy(update={"scheme": "bioes"})
    dataset = settings.dataset.model_copy(update={"labels": labels, "train": path, "valid": path, "test": path})
    task = settings.model_copy(update={"head": head, "dataset": dataset}).build(embedder)
    with pytest.raises(DataError, match=r"1 problem\n.*train\.conll:6: tag 'I-PER' cannot begin a sentence .*\nMend"):
        task.prepare()
    dataset = dataset.model_copy(update={"on_bad_row": "skip"})
    sizes = settings.model_copy(update={"head": head, "dataset": dataset}).build(embedder).prepare()
    assert sizes["sentences"]["train"] == 1 and sizes["skipped"] == {str(path): 1}


def test_tags_of_a_further_file_that_the_model_lacks_are_told(task, tmp_path, caplog) -> None:
    path = tmp_path / "more.conll"
    path.write_text("Ani\tB-PER\n\nAli\tB-PRS\n\nAda\tB-PRS\n\n", encoding="utf-8")
    assert len(task.read_gold(path)) == 3
    assert f"does not know (1): 'B-PRS' ({path}:3)" in caplog.text and "B-PER" not in caplog.text


def test_stray_tags_of_training_are_repaired(ner_settings, embedder, tmp_path, caplog) -> None:
    task = ner_settings(tmp_path).task.build(embedder)
    with caplog.at_level(logging.INFO, logger="elmo_xlstm.tasks"):
        task.prepare()
    assert "tiny: 2 stray I- tags read as B-" in caplog.text
    targets = task.targets(task.split("train"))
    assert targets[-1] == ["O", "B-PER", "B-LOC"]
    assert task.data.train[-1].tags == ("O", "I-PER", "I-LOC")
    assert targets[:-1] == [list(sentence.tags) for sentence in task.data.train[:-1]]
    assert task.split("test")[0].tags == ("I-PER", "I-PER", "O")


def test_gold_is_scored_as_it_stands(task, monkeypatch) -> None:
    gold = [sentence("Joko makan di Bogor", "I-PER O O B-LOC"), sentence("Ani tiba", "B-PER O")]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["O", "O"]]
    predict(monkeypatch, task, predicted)
    scores = task.score(gold)
    assert scores.metrics == score_tagging([s.tags for s in gold], predicted).metrics()
    assert scores.metrics["micro_recall"] == pytest.approx(2 / 3)  # the stray I-PER opens a span
    assert scores.metrics["token_accuracy"] == pytest.approx(4 / 6)  # yet is another tag than B-PER
    assert scores.metrics["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert set(scores.types) == {"PER", "LOC"} and scores.types["PER"].support == 2
    for name, (low, high) in scores.intervals.items():
        assert low <= scores.metrics[name] <= high


def test_parameters_and_mix(task) -> None:
    total, trainable = task.parameters()
    assert total == trainable == sum(p.numel() for p in task.model.head.parameters())
    mix = task.mixes()["head"]
    assert mix.weights == pytest.approx([1 / 3] * 3) and mix.gamma == 1


def test_frozen_mix_is_not_trainable(ner_settings, embedder, tmp_path) -> None:
    head = {"mix": {"trainable": False, "initial_weights": [0, 1, 2]}, "encoder": {"hidden_size": 4}}
    task = ner_settings(tmp_path, head=head).task.build(embedder)
    task.prepare()
    total, trainable = task.parameters()
    assert total - trainable == 4


def test_predict_covers_every_word(task, tmp_path) -> None:
    long = [f"kata{number}" for number in range(700)]
    rows = [["Siti", "🦜", "漢字", "\u200b", "Bogor"], long, ["a" * 500]]
    source = tmp_path / "input.jsonl"
    lines = [json.dumps({"words": words}) for words in rows] + ['{"text": "Budi tiba di Kota-Batu."}']
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    *given, split = predict_file(task, source)
    assert [row["words"] for row in given] == rows
    assert split["words"] == ["Budi", "tiba", "di", "Kota-Batu", "."]
    for row in [*given, split]:
        assert len(row["tags"]) == len(row["words"]) and set(row["tags"]) <= set(task.data.labels)


def test_spans_are_named_by_their_words(task, monkeypatch, tmp_path) -> None:
    tags = [["B-PER", "I-PER", "O", "B-LOC", "B-LOC"], ["O", "O"]]
    predict(monkeypatch, task, tags)
    source = tmp_path / "input.txt"
    source.write_text("Ani Lestari di Bogor Medan\nhari ini\n")
    first, second = predict_file(task, source)
    assert first["tags"] == tags[0]
    assert first["spans"] == [
        {"type": "PER", "start": 0, "end": 2, "text": "Ani Lestari"},
        {"type": "LOC", "start": 3, "end": 4, "text": "Bogor"},
        {"type": "LOC", "start": 4, "end": 5, "text": "Medan"},
    ]
    assert second["spans"] == []


@pytest.mark.parametrize(("noun", "verb"), [("NNP", "VB"), ("I", "O"), ("B-X", "I-X"), ("E", "P")])
def test_plain_tags(noun, verb, tmp_path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.tsv").write_text(f"Siti\t{noun}\ntiba\t{verb}\n\nBudi\t{noun}\n")
    files = {name: str(tmp_path / f"{name}.tsv") for name in ("train", "valid", "test")}
    values = {
        "name": "pos",
        "dataset": {"type": "conll", **files},
        "head": {"scheme": "none", "words": {"dim": 4}, "encoder": {"hidden_size": 4}},
    }
    task = validate(TaggingTask.Config, values).build(None)
    task.prepare()
    assert set(task.model.space.labels) == {noun, verb} and len(task.model.space.labels) == 2
    scores = task.score(task.split("test"))
    assert scores.types[noun].support == 2 and scores.types[verb].support == 1
    assert scores.metrics["micro_f1"] == pytest.approx(scores.metrics["token_accuracy"])
    (tmp_path / "input.txt").write_text("Siti tiba\n")
    assert [row["spans"] for row in predict_file(task, tmp_path / "input.txt")] == [[]]
    assert task.mixes() == {}


def test_a_declared_i_without_its_b_can_be_learned(tmp_path) -> None:
    """As in data tagged IOB1, where a B- is only written between two spans of a type."""
    datasets = pytest.importorskip("datasets")
    tags = datasets.Sequence(datasets.ClassLabel(names=["O", "I-PER", "I-LOC"]))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags})
    rows = {"tokens": [["di", f"kota{n}"] for n in range(10)], "ner_tags": [[0, 2]] * 10}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "saved"))
    dataset = {"type": "huggingface", "name": str(tmp_path / "saved"), "valid_fraction": 0.2, "test_fraction": 0.2}
    values = {"name": "iob1", "dataset": dataset, "head": {"words": {"dim": 4}}}
    task = validate(TaggingTask.Config, values).build(None)
    task.prepare()
    assert task.space.labels == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    assert task.targets(task.split("train"))[0] == ["O", "B-LOC"]


def test_labels_must_fit_the_scheme(tmp_path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.tsv").write_text("Siti\tNNP\n")
    files = {name: str(tmp_path / f"{name}.tsv") for name in ("train", "valid", "test")}
    values = {"name": "pos", "dataset": {"type": "conll", **files}, "head": {"words": {}}}
    with pytest.raises(UserError, match="'NNP' does not fit scheme 'bio'.*choose scheme 'none'"):
        validate(TaggingTask.Config, values).build(None).prepare()


def test_gold_of_another_kind(task, monkeypatch) -> None:
    predict(monkeypatch, task, [["B-PER", "O"]])
    with pytest.raises(UserError, match=r"tiny: these examples cannot be scored: tag 'NNP' marks no span"):
        task.score([sentence("Siti tiba", "NNP VB")])


def test_needs_to_be_prepared(ner_settings, embedder: ElmoEmbedder, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="comes first"):
        ner_settings(tmp_path).task.build(embedder).parameters()


def test_validation_data_without_spans_choose_by_their_loss(ner_settings, tmp_path, caplog) -> None:
    """Each epoch scores 0; the first was kept, whatever the others had learned."""
    settings = ner_settings(tmp_path, bilm=False)
    valid = tmp_path / "valid.conll"
    valid.write_text("hari\tO\nyang\tO\npanjang\tO\n\nke\tO\nrumah\tO\n", encoding="utf-8")
    dataset = settings.task.dataset.model_copy(update={"valid": valid})
    task = settings.task.model_copy(update={"dataset": dataset}).build(None)
    task.prepare()
    assert "the valid data hold nothing to be found" in caplog.text and "test data" not in caplog.text
    trainer = settings.trainer.model_copy(update={"epochs": 8}).build()
    history = task.fit(trainer, None, tmp_path, seed=0)
    losses = [epoch.valid_loss for epoch in history.epochs]
    assert {epoch.metrics["macro_f1"] for epoch in history.epochs} == {0.0}
    assert history.best_epoch == 1 + losses.index(min(losses)) > 1
    assert task.score(task.split("test")).metrics["macro_f1"] > 0.3


def test_the_loss_of_validation_leaves_out_what_breaks_the_scheme(ner_settings, tmp_path) -> None:
    settings = ner_settings(tmp_path, bilm=False)
    path, stray = tmp_path / "train.conll", tmp_path / "valid.conll"
    path.write_text("Ani\tS-PER\ndi\tO\nKota\tB-LOC\nTua\tE-LOC\n", encoding="utf-8")
    stray.write_text("Ani\tI-PER\ndi\tO\n\nKota\tS-PER\n", encoding="utf-8")
    labels = ("O", *(f"{mark}-{kind}" for kind in ("PER", "LOC") for mark in "BIES"))
    head = settings.task.head.model_copy(update={"scheme": "bioes"})
    changed = {"labels": labels, "train": path, "valid": stray, "test": path}
    dataset = settings.task.dataset.model_copy(update=changed)
    task = settings.task.model_copy(update={"head": head, "dataset": dataset}).build(None)
    task.prepare()
    history = task.fit(settings.trainer.build(), None, tmp_path, seed=0)
    assert all(epoch.valid_loss > 0 for epoch in history.epochs)
