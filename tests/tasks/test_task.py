from __future__ import annotations

import pytest

from elmo_xlstm.config import ConfigError
from elmo_xlstm.tasks.task import Task


def trained_on(labelled_settings, tmp_path, fraction: float, kind: str = "classification") -> list[str]:
    task = labelled_settings(kind, tmp_path, bilm=False, train_fraction=fraction).task.build(None)
    sizes = task.prepare()
    assert sizes["sentences"] == {"train": len(task._train), "valid": 9, "test": 12}
    assert len(task._train) == len(task._targets) and len(task.split("train")) == 36
    return [example.origin for example in task._train]


@pytest.mark.parametrize("kind", ["classification", "aspects", "pairs"])
def test_fractions_of_the_training_data_are_nested_and_always_the_same(kind, labelled_settings, tmp_path) -> None:
    fractions = (0.01, 0.1, 0.25, 0.5, 0.9, 1.0)
    chosen = [trained_on(labelled_settings, tmp_path, fraction, kind) for fraction in fractions]
    assert [len(examples) for examples in chosen] == [1, 4, 9, 18, 33, 36]
    for fewer, more in zip(chosen, chosen[1:], strict=False):
        assert [origin for origin in more if origin in set(fewer)] == fewer  # contained, in the file's order
    assert chosen[2] == trained_on(labelled_settings, tmp_path, 0.25, kind)
    assert chosen[3] != chosen[5][:18]  # no mere beginning, which may be of one kind


def test_fractions_of_tagged_sentences(ner_settings, embedder, tmp_path) -> None:
    task = ner_settings(tmp_path, train_fraction=0.4).task.build(embedder)
    assert task.prepare()["sentences"]["train"] == 10
    assert [len(tags) for tags in task._targets] == [len(sentence.words) for sentence in task._train]


def test_vocabularies_know_the_fraction_alone(labelled_settings, tmp_path) -> None:
    task = labelled_settings("classification", tmp_path, bilm=False, train_fraction=0.25).task.build(None)
    task.prepare()
    seen = {word for example in task._train for words in example.words for word in words}
    assert set(task.model.vocabularies.words.tokens) == seen


@pytest.mark.parametrize("fraction", [0, -0.5, 1.1])
def test_wrong_fractions(fraction, labelled_settings, tmp_path) -> None:
    with pytest.raises(ConfigError, match="train_fraction"):
        labelled_settings("classification", tmp_path, train_fraction=fraction)


def test_the_data_is_read_once(labelled_settings, tmp_path, monkeypatch) -> None:
    task = labelled_settings("classification", tmp_path, bilm=False).task.build(None)
    task.prepare()
    monkeypatch.setattr(type(task.config.dataset), "load", lambda _: pytest.fail("read again"))
    assert len(task.split("test")) == 12 and len(task.checksums) == 3


def test_a_kind_must_define_what_differs() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Task(None, None)
