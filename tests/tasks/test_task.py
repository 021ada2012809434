from __future__ import annotations

import json
import os
import threading
import tracemalloc

import pytest

from elmo_xlstm.config import ConfigError
from elmo_xlstm.errors import UserError
from tasks import task as task_module
from tasks.task import Task


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


@pytest.fixture(scope="module")
def tagger(ner_settings, tmp_path_factory) -> Task:
    task = ner_settings(tmp_path_factory.mktemp("tagger"), bilm=False).task.build(None)
    task.prepare()
    return task


def test_prediction_in_chunks_is_prediction_at_once(tagger, tmp_path, monkeypatch) -> None:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{'kata ' * (1 + number * 7 % 13)}nomor {number}\n" for number in range(40)))
    at_once = list(tagger.predict(path))
    assert [row["words"][-1] for row in at_once] == [str(number) for number in range(40)]
    monkeypatch.setattr(task_module, "CHUNK_WORDS", 30)
    assert list(tagger.predict(path)) == at_once
    monkeypatch.setattr("tasks.model.BATCH_WORDS", 30)
    assert list(tagger.predict(path)) == at_once


def test_a_pipe_is_read_once_and_as_it_comes(tagger, tmp_path, monkeypatch) -> None:
    """Predictions come before the pipe has an end, which this one has not."""
    monkeypatch.setattr(task_module, "CHUNK_WORDS", 8)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pytest.raises(BrokenPipeError), open(pipe, "w") as file:
            while True:
                file.write("Siti tiba di Bogor\n" * 1000)

    writer = threading.Thread(target=write)
    writer.start()
    rows = tagger.predict(pipe)
    tracemalloc.start()
    try:
        assert [next(rows)["words"][0] for _ in range(300)] == ["Siti"] * 300
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
        rows.close()
        writer.join()


def test_all_that_is_wrong_with_a_file_is_told_before_anything_is_predicted(tagger, tmp_path, monkeypatch) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "baik"}\n' * 3 + "{}\n[]\n")
    monkeypatch.setattr(task_module, "CHUNK_EXAMPLES", 1)
    with pytest.raises(UserError, match="2 problems"):
        next(tagger.predict(path))


def test_a_text_that_is_too_long_is_refused(tagger, tmp_path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("baik\n" + "kata " * 50_001)
    with pytest.raises(UserError, match=r"in\.txt:2: 50,001 words; at most 50,000"):
        next(tagger.predict(path))


def test_given_words_are_read_without_blanks_and_shown_as_they_are(tagger, tmp_path) -> None:
    words = [" Siti", "tiba\u00a0", "di", "Bogor"]
    (tmp_path / "a.jsonl").write_text(json.dumps({"words": words}))
    (tmp_path / "b.jsonl").write_text(json.dumps({"words": [word.strip() for word in words]}))
    (one,), (two,) = tagger.predict(tmp_path / "a.jsonl"), tagger.predict(tmp_path / "b.jsonl")
    assert one["words"] == words and one["tags"] == two["tags"]
