from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules import repair_bio
from tasks.indonlu.datasets import DATASETS, dataset
from tasks.indonlu.fetch import DataLocation
from tasks.indonlu.load import load_questions, load_tagging, read_tagging_file


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
    with pytest.raises(UserError, match=r"train.txt: .*one column .*separator: ' '"):
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


def test_stray_inside_tags_are_kept_for_scoring_and_mended_for_training(load) -> None:
    splits = load()
    assert splits.train[2].tags == ("I-PPL",)
    assert repair_bio(splits.train[2].tags) == (["B-PPL"], 1)


def test_words_may_hold_spaces(load) -> None:
    content = {"train": "kerja sama\tB-NNO\n", "valid": "a\tB-NNO\n", "test": "a b c\tB-NNO\nd\tB-SYM\n"}
    splits = load(content, {"train": 1, "valid": 1, "test": 1}, labels=("B-NNO", "B-SYM"))
    assert splits.train[0].words == ("kerja sama",)
    assert splits.test[0].words == ("a b c", "d")


def test_tags_that_training_lacks_are_declared(load) -> None:
    content = {"train": "a\tB-NN\n", "valid": "a\tB-FW\n", "test": "a\tB-NN\nb\tI-NN\n"}
    splits = load(content, {"train": 1, "valid": 1, "test": 1}, labels=("B-NN", "B-FW", "I-NN"))
    assert splits.labels == ("B-NN", "B-FW", "I-NN")
    assert splits.valid[0].tags == ("B-FW",)


def test_validation_rows_at_the_end_of_the_training_file_are_left_out(load) -> None:
    content = {"train": "a\tB\n\nb\tO\n\nc\tB\n", "valid": "c\tB\n", "test": "d\tB\ne\tO\n"}
    splits = load(content, {"train": 3, "valid": 1, "test": 1}, labels=("O", "B", "I"), train_used=2)
    assert {s.words for s in splits.train}.isdisjoint(s.words for s in splits.valid)
    assert len(splits.train) == 2


def test_other_kinds_are_no_question_task() -> None:
    with pytest.raises(UserError, match="NERP is no question task but one of tagging"):
        load_questions("nerp")
