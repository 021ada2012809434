from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import pytest

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.errors import UserError
from tasks.tagging.datasets import ConllFiles, IndoNLUTagging, tagging_datasets


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


def test_labels_are_collected_from_the_training_file(files) -> None:
    splits = files("a\tI-LOC\n\nb\tO\nc\tB-PER\nd\tI-PER\n\ne\tB-DATE\n").load()
    # I-LOC may be all there is of LOC: without B-LOC no sentence could begin with it.
    assert splits.labels == ("O", "B-DATE", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert files("a\tI\nb\tO\n").load().labels == ("O", "B", "I")
    assert files("a\tNN\nb\tVB\n", valid="a\tNN\n", test="a\tVB\n").load().labels == ("NN", "VB")


def test_labels_are_declared(files) -> None:
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    assert files("a\tB-PER\n", test="b\tB-LOC\n", labels=labels).load().labels == tuple(labels)


@pytest.mark.parametrize("split", ["valid", "test"])
def test_tags_that_training_lacks_are_refused(files, split) -> None:
    dataset = files("a\tB-PER\nb\tO\n", **{split: "Bogor\tB-LOC\n"})
    with pytest.raises(UserError, match=rf"{split}\.conll:1: unknown label 'B-LOC'"):
        dataset.load()


def test_tags_that_are_not_declared_are_refused(files) -> None:
    with pytest.raises(UserError, match=r"train\.conll:1: unknown label 'B-PER'"):
        files("a\tB-PER\n", labels=["O", "B-LOC"]).load()


def test_missing_file(files, tmp_path) -> None:
    dataset = files("a\tO\n")
    (tmp_path / "valid.conll").unlink()
    with pytest.raises(UserError, match=r"valid\.conll: no such file"):
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


def test_types() -> None:
    assert isinstance(validate(Holder, {"dataset": {"type": "indonlu", "name": "nerp"}}).dataset, IndoNLUTagging)
    with pytest.raises(ConfigError, match=r"dataset: unknown type 'connl'; did you mean 'conll'\?"):
        validate(Holder, {"dataset": {"type": "connl"}})
    with pytest.raises(ConfigError, match=r"dataset\.name: "):
        validate(Holder, {"dataset": {"type": "indonlu", "name": "smsa"}})
    with pytest.raises(ConfigError, match=r"dataset\.labels: "):
        validate(Holder, {"dataset": {"type": "conll", "train": "a", "valid": "b", "test": "c", "labels": []}})


def test_benchmark_task(tmp_path) -> None:
    dataset = IndoNLUTagging(name="nerp")
    assert dataset.reader().config.columns == 2
    missing = validate(
        Holder, {"dataset": {"type": "indonlu", "name": "nerp", "location": {"data_dir": str(tmp_path)}}}
    )
    with pytest.raises(UserError, match=str(Path(tmp_path))):
        missing.dataset.load()
