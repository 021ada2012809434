from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.predict import predict_file


@pytest.fixture
def task(labelled_settings, tmp_path):
    task = labelled_settings("pairs", tmp_path, bilm=False).task.build(None)
    task.prepare()
    return task


def test_both_texts_are_read(task) -> None:
    example = task.split("train")[0]
    assert len(task.texts(example)) == 2 and task.texts(example)[0] == ("hari", "0")
    assert "enak" in task.model.vocabularies.words and "hari" in task.model.vocabularies.words


def test_predict_reads_pairs(task, tmp_path) -> None:
    (tmp_path / "input.tsv").write_text("hari ini\tmakanan enak\n")
    (tmp_path / "input.jsonl").write_text('{"first": "hari ini", "second": "makanan enak"}\n')
    (row,) = predict_file(task, tmp_path / "input.tsv")
    assert (row["first"], row["second"]) == ("hari ini", "makanan enak") and row["label"] in row["probabilities"]
    assert list(predict_file(task, tmp_path / "input.jsonl")) == [row]
    (tmp_path / "single.txt").write_text("hari ini\n")
    with pytest.raises(UserError, match="single.txt:1: 1 columns, expected two texts"):
        list(predict_file(task, tmp_path / "single.txt"))
