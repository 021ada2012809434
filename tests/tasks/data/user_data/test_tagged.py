from __future__ import annotations

import hashlib
import json
import logging
import os
from typing import Annotated, Any

import pytest

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.registries import tagging_datasets
from elmo_xlstm.tasks.data.user_data.tagged import ConllFiles


class Holder(Settings):
    dataset: Annotated[Any, tagging_datasets]


@pytest.fixture
def files(tmp_path):
    """Writes three files, and gives the settings that name them."""

    def write(train: str, valid: str = "a\tO\n", test: str = "b\tO\n", **values) -> ConllFiles:
        for name, text in (("train", train), ("valid", valid), ("test", test)):
            (tmp_path / f"{name}.conll").write_text(text)
        paths = {name: str(tmp_path / f"{name}.conll") for name in ("train", "valid", "test")}
        return validate(Holder, {"dataset": {"type": "conll", **paths, **values}}).dataset

    return write


def test_three_splits_and_their_checksums(files) -> None:
    dataset = files("Ani\tB-PER\nlari\tO\n\nia\tO\n", test="Kota Batu\tB-PER\n")
    splits = dataset.load()
    assert [sentence.words for sentence in splits.train] == [("Ani", "lari"), ("ia",)]
    assert splits.train[0].tags == ("B-PER", "O")
    assert (len(splits.valid), splits.test[0].words) == (1, ("Kota Batu",))
    assert splits.sha256["test.conll"] == hashlib.sha256(b"Kota Batu\tB-PER\n").hexdigest()
    assert set(splits.sha256) == {"train.conll", "valid.conll", "test.conll"}


def test_labels_are_collected_from_the_training_file(files, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="elmo_xlstm.tasks"):
        splits = files("a\tI-LOC\n\nb\tO\nc\tB-PER\nd\tI-PER\n\ne\tB-DATE\n").load()
    assert splits.labels == ("O", "B-DATE", "I-LOC", "B-PER", "I-PER")
    assert "5 labels found: O (1), B-DATE (1), I-LOC (1)" in caplog.text
    # I may be all there is in the training file, and B elsewhere.
    assert files("a\tI\nb\tO\n").load().labels == ("O", "I")
    assert files("a\tI\nb\tO\n", valid="a\tB\n").load().labels == ("O", "B", "I")
    assert files("a\tNN\nb\tVB\n", valid="a\tNN\n", test="a\tVB\n").load().labels == ("NN", "VB")


def test_labels_are_declared(files) -> None:
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    assert files("a\tB-PER\n", test="b\tB-LOC\n", labels=labels).load().labels == tuple(labels)
    with pytest.raises(ConfigError, match=r"dataset\.labels: O: each label is declared once"):
        files("a\tO\n", labels=["O", "B-PER", "O"])


@pytest.mark.parametrize("split", ["valid", "test"])
def test_tags_that_training_lacks_are_refused(files, split) -> None:
    dataset = files("a\tB-PER\nb\tO\n", **{split: "Bogor\tB-LOC\n"})
    with pytest.raises(UserError, match=rf"{split}\.conll:1: unknown label 'B-LOC'") as caught:
        dataset.load()
    message = str(caught.value)
    assert "labels of the training data: O, B-PER. If there are others, declare all of them in 'labels'" in message
    assert message.endswith("Mend the rows, or set on_bad_row: 'skip' to leave them out.")


def test_tags_that_are_not_declared_are_refused(files) -> None:
    with pytest.raises(UserError, match=r"train\.conll:1: unknown label 'B-PER'") as caught:
        files("a\tB-PER\n", labels=["O", "B-LOC"]).load()
    assert "declare all" not in str(caught.value)


def test_problems_of_all_files_are_reported_together(files) -> None:
    with pytest.raises(UserError) as caught:
        files("a\tO\nb\n", valid="c\t\n", test="d\tO\n").load()
    assert "train.conll:2: 1 column" in str(caught.value) and "valid.conll:1: empty label" in str(caught.value)


def test_bad_sentences_are_skipped_and_counted(files, tmp_path, caplog) -> None:
    splits = files("a\tO\nb\n\nc\tO\n", test="d\tB-LOC\n\ne\tO\n", on_bad_row="skip").load()
    assert [s.words for s in splits.train] == [("c",)] and [s.words for s in splits.test] == [("e",)]
    assert splits.skipped == {str(tmp_path / "train.conll"): 1, str(tmp_path / "test.conll"): 1}
    assert "train.conll:2: 1 column" in caplog.text and "test.conll:1: unknown label 'B-LOC'" in caplog.text


def test_missing_file(files, tmp_path) -> None:
    dataset = files("a\tO\n")
    (tmp_path / "valid.conll").unlink()
    with pytest.raises(UserError, match=r"valid\.conll: no such file"):
        dataset.load()


def test_data_that_can_be_read_but_once_are_refused(files, tmp_path) -> None:
    dataset = files("a\tO\n")
    (tmp_path / "valid.conll").unlink()
    os.mkfifo(tmp_path / "valid.conll")
    with pytest.raises(UserError, match=r"valid\.conll: is no regular file"):
        dataset.load()


def test_columns(files) -> None:
    dataset = files(
        "1 Ani B-PER\n2 lari O\n", "1 a O\n", "1 a O\n", format={"separator": " ", "word_column": 1, "tag_column": 2}
    )
    assert dataset.load().train[0].words == ("Ani", "lari")
    assert dataset.reader().config.word_column == 1


def test_a_tag_column_is_needed(files) -> None:
    with pytest.raises(UserError, match="format.tag_column: a data set to train on needs"):
        files("a\tO\n", format={"tag_column": None}).load()


def test_renamed_tags(files) -> None:
    splits = files("a\tB-PERSON\nb\tB-MISC\n", label_names={"B-PERSON": "B-PER", "B-MISC": "O"}).load()
    assert splits.labels == ("O", "B-PER") and splits.train[0].tags == ("B-PER", "O")


def test_json_lines(tmp_path) -> None:
    rows = [{"kata": ["Ani", "lari"], "tag": [1, 0]}, {"kata": ["ia", "Budi"], "tag": [0, 1]}]
    rows += [{"kata": [f"w{n}"], "tag": [0]} for n in range(8)]
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"type": "jsonl", "train": str(path), "words": "kata", "tags": "tag"}
    values |= {"label_names": {"0": "O", "1": "B-PER"}, "valid_fraction": 0.2, "test_fraction": 0.1}
    dataset = validate(Holder, {"dataset": values}).dataset
    splits = dataset.load()
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (7, 2, 1)
    assert splits.labels == ("O", "B-PER") and list(splits.sha256) == ["all.jsonl"]
    assert [s.words for s in dataset.reader().read(path).examples][0] == ("Ani", "lari")


NAMES = ["O", "B-PER", "I-PER", "B-LOC"]


@pytest.fixture
def saved(tmp_path):
    """A data set of two splits on disk whose tags are numbers with names."""
    datasets = pytest.importorskip("datasets")
    tags = datasets.Sequence(datasets.ClassLabel(names=NAMES))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags})
    splits = {}
    for name, count in (("train", 10), ("test", 4)):
        rows = {"tokens": [[name, str(n)] for n in range(count)], "ner_tags": [[0, n % 3] for n in range(count)]}
        splits[name] = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    return tmp_path / "saved"


def test_hugging_face(saved, caplog) -> None:
    values = {"type": "huggingface", "name": str(saved), "train": "train[:80%]", "valid": "train[80%:]", "test": "test"}
    dataset = validate(Holder, {"dataset": values}).dataset
    splits = dataset.load()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [8, 2, 4]
    assert splits.labels == tuple(NAMES)  # declared by the data set, also what does not occur
    assert splits.train[1].words == ("train", "1") and splits.train[1].tags == ("O", "B-PER")
    assert splits.test[0].origin == f"{saved}/test, row 1"
    assert len(splits.sha256) == 3 and dataset.load().sha256 == splits.sha256
    assert "revision" not in caplog.text
    own = saved.parent / "own.jsonl"
    own.write_text('{"tokens": ["a"], "ner_tags": ["B-LOC"]}\n')
    assert dataset.reader().read(own).examples[0].tags == ("B-LOC",)


def test_hugging_face_problems(saved) -> None:
    values = {"type": "huggingface", "name": str(saved), "valid_fraction": 0.2, "test": "test"}
    for change, message in (
        ({"words": "token"}, r"test|train: no column 'token' among tokens, ner_tags; did you mean 'tokens'\?"),
        ({"test": "tset"}, "tset: cannot be read .*check the name, the configuration, the split"),
        ({"labels": ["O", "B-PER"]}, r"train, row 3: unknown label 'I-PER' at place 2 of 'ner_tags'"),
    ):
        with pytest.raises(UserError, match=message):
            validate(Holder, {"dataset": {**values, **change}}).dataset.load()


def test_nothing_names_the_test_data() -> None:
    with pytest.raises(ConfigError, match="dataset: neither 'test' nor 'test_fraction' is given; name the test data"):
        validate(Holder, {"dataset": {"type": "jsonl", "train": "a", "valid": "b"}})
    with pytest.raises(ConfigError, match="dataset: both 'valid' and 'valid_fraction' are given"):
        values = {"type": "conll", "train": "a", "valid": "b", "test": "c", "valid_fraction": 0.1}
        validate(Holder, {"dataset": values})
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        values = {"type": "conll", "train": "a", "valid_fraction": 0.5, "test_fraction": 0.5}
        validate(Holder, {"dataset": values})
