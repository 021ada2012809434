from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from tasks.indonlu.datasets import DATASETS, dataset
from tasks.indonlu.fetch import DataLocation
from tasks.indonlu.load import load_tagging, read_tagging_file


@pytest.fixture
def load(declare, put):
    def load(content=None, rows=None, **values):
        given = {key: value for key, value in (("content", content), ("rows", rows)) if value is not None}
        declare(**given, **values)
        return load_tagging("tiny", DataLocation(data_dir=put(content) if content is not None else put()))

    return load


def test_the_three_splits_are_read(load):
    splits = load()
    assert [s.words for s in splits.train] == [("budi", "lari"), ("ia",), ("ia",)]
    assert splits.train[2].tags == ("I-PPL",)  # a stray I- stays as the file has it
    assert splits.test[1].words == ("kerja sama",)
    assert len(splits.valid) == 1
    assert splits.labels == ("O", "B-PPL", "I-PPL")
    assert splits.sha256 == {file.path: file.sha256 for file in dataset("tiny").files.values()}


def test_training_stops_where_the_table_says(load):
    assert [s.words for s in load(train_used=2).train] == [("budi", "lari"), ("ia",)]


def test_a_file_of_another_length_is_refused(load):
    with pytest.raises(UserError, match=r"valid.txt: 1 rows, expected 4"):
        load(rows={"train": 3, "valid": 4, "test": 2})


def test_masked_test_labels_are_refused(load):
    content = {"train": "a\tB-PPL\n", "valid": "a\tO\n", "test": "a\tO\nb\tO\n"}
    with pytest.raises(UserError, match=r"test.txt: every label is 'O': the labels of this test file are masked"):
        load(content, {"train": 1, "valid": 1, "test": 1})


def test_a_label_outside_the_declared_set_is_refused(load):
    with pytest.raises(UserError, match=r"train.txt:1: unknown label 'B-PPL'"):
        load(labels=("O", "B-XXX"))


def test_words_are_split_at_tabs_alone(load):
    content = {"train": "a O\n", "valid": "a\tO\n", "test": "a\tO\n"}
    with pytest.raises(UserError, match=r"train.txt:1: 1 column, expected 2"):
        load(content, {"train": 1, "valid": 1, "test": 1})


@pytest.mark.parametrize("name", ["smsa", "facqa", "casa"])
def test_other_kinds_of_task_are_refused(name):
    with pytest.raises(UserError, match="is no tagging task"):
        load_tagging(name)


def test_the_masked_file_of_the_benchmark_would_be_refused_by_its_reader_too(tmp_path):
    path = tmp_path / "test_preprocess_masked_label.txt"
    path.write_text("kata\tO\n\n" * 840)
    with pytest.raises(UserError, match="masked"):
        read_tagging_file(path, DATASETS["nerp"], "test")
