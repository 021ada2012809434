from __future__ import annotations

import json
import os
import threading
import tracemalloc

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks import predict
from elmo_xlstm.tasks.predict import predict_file
from elmo_xlstm.tasks.task import Task


@pytest.fixture(scope="module")
def tagger(ner_settings, tmp_path_factory) -> Task:
    task = ner_settings(tmp_path_factory.mktemp("tagger"), bilm=False).task.build(None)
    task.prepare()
    return task


def test_prediction_in_chunks_is_prediction_at_once(tagger, tmp_path, monkeypatch) -> None:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{'kata ' * (1 + number * 7 % 13)}nomor {number}\n" for number in range(40)))
    at_once = list(predict_file(tagger, path))
    assert [row["words"][-1] for row in at_once] == [str(number) for number in range(40)]
    monkeypatch.setattr(predict, "CHUNK_WORDS", 30)
    assert_alike(predict_file(tagger, path), at_once)
    monkeypatch.setattr("elmo_xlstm.tasks.model.BATCH_WORDS", 30)
    assert_alike(predict_file(tagger, path), at_once)


def assert_alike(rows, others) -> None:
    """The same but for the rounding of probabilities, which depends on the other sentences of a batch."""
    for row, other in zip(rows, others, strict=True):
        assert row.pop("scores") == pytest.approx(other["scores"], abs=1e-5)
        for span, same in zip(row.pop("mentions"), other["mentions"], strict=True):
            assert span.pop("score") == pytest.approx(same["score"], abs=1e-5)
            assert span.items() <= same.items()
        assert row.items() <= other.items() and row


def test_a_pipe_is_read_once_and_as_it_comes(tagger, tmp_path, monkeypatch) -> None:
    """Predictions come before the pipe has an end, which this one has not."""
    monkeypatch.setattr(predict, "CHUNK_WORDS", 8)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pytest.raises(BrokenPipeError), open(pipe, "w") as file:
            while True:
                file.write("Siti tiba di Bogor\n" * 1000)

    writer = threading.Thread(target=write)
    writer.start()
    rows = predict_file(tagger, pipe)
    tracemalloc.start()
    try:
        assert [next(rows)["words"][0] for _ in range(300)] == ["Siti"] * 300
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
        rows.close()
        writer.join()


def test_all_problems_of_a_file_are_reported_before_anything_is_predicted(tagger, tmp_path, monkeypatch) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "baik"}\n' * 3 + "{}\n[]\n")
    monkeypatch.setattr(predict, "CHUNK_EXAMPLES", 1)
    with pytest.raises(UserError, match="2 problems"):
        next(predict_file(tagger, path))


def test_a_text_that_is_too_long_is_refused(tagger, tmp_path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("baik\n" + "kata " * 50_001)
    with pytest.raises(UserError, match=r"in\.txt:2: 50,001 words; at most 50,000"):
        next(predict_file(tagger, path))


def test_given_words_are_read_without_blanks_and_shown_as_they_are(tagger, tmp_path) -> None:
    words = [" Siti", "tiba\u00a0", "di", "Bogor"]
    (tmp_path / "a.jsonl").write_text(json.dumps({"words": words}))
    (tmp_path / "b.jsonl").write_text(json.dumps({"words": [word.strip() for word in words]}))
    (one,), (two,) = predict_file(tagger, tmp_path / "a.jsonl"), predict_file(tagger, tmp_path / "b.jsonl")
    assert one["words"] == words and one["tags"] == two["tags"]
