from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from tasks.indonlu import datasets
from tasks.indonlu.datasets import DATASETS, dataset
from tasks.indonlu.fetch import DataLocation
from tasks.indonlu.load_labelled import TEXT_COLUMNS, load_labelled, read_labelled_file, table_reader

CONTENT = {
    "train": 'review,ac,wifi\n"dingin, mantap",pos,neut\npanas,neg,neut\n',
    "valid": "review,ac,wifi\nlambat,neut,neg\n",
    "test": 'review,ac,wifi\n"baris satu\nbaris dua",neut,neut\nmati,neg,pos\n',
}
ROWS = {"train": 2, "valid": 1, "test": 2}


@pytest.fixture
def load(declare, put, monkeypatch):
    """Load the tiny task as an aspect task of the given contents."""

    def load(content=CONTENT, rows=ROWS, kind="aspects", **values):
        values = {"kind": "aspects", "labels": ("neg", "neut", "pos"), "aspects": ("ac", "wifi")} | values
        declare(content, rows, **values)
        monkeypatch.setitem(TEXT_COLUMNS, "tiny", ("review",))
        return load_labelled("tiny", kind, DataLocation(data_dir=put(content)))

    return load


def test_the_three_splits_are_read(load) -> None:
    splits = load()
    assert [example.texts for example in splits.train] == [("dingin, mantap",), ("panas",)]
    assert [example.labels for example in splits.train] == [("pos", "neut"), ("neg", "neut")]
    assert splits.test[0].words == (("baris", "satu", "baris", "dua"),)
    assert (splits.labels, splits.aspects) == (("neg", "neut", "pos"), ("ac", "wifi"))
    assert splits.sha256 == {file.path: file.sha256 for file in dataset("tiny").files.values()}


def test_aspects_are_read_by_name(load) -> None:
    splits = load(aspects=("wifi", "ac"))
    assert splits.train[0].labels == ("neut", "pos")


def test_a_file_of_another_length_is_refused(load) -> None:
    with pytest.raises(UserError, match=r"train.txt: 2 rows, expected 3"):
        load(rows=ROWS | {"train": 3})


def test_a_changed_file_is_refused(load, put) -> None:
    load()
    changed = put(CONTENT | {"test": CONTENT["test"].replace("mati", "hidup")})
    with pytest.raises(UserError, match="test.txt: .* SHA-256"):
        load_labelled("tiny", "aspects", DataLocation(data_dir=changed))


def test_masked_test_labels_are_refused(load) -> None:
    masked = CONTENT | {"test": "review,ac,wifi\na,neut,neut\nb,neut,neut\n"}
    with pytest.raises(UserError, match=r"test.txt: every label is 'neut': .* masked; use test_preprocess\.\*"):
        load(masked)


def test_a_label_outside_the_declared_set_is_refused(load) -> None:
    with pytest.raises(UserError, match=r"train.txt:2: unknown label 'pos'"):
        load(labels=("neg", "neut"))


def test_other_kinds_are_refused(load) -> None:
    with pytest.raises(UserError, match="IndoNLU's Tiny is no pair task but one of aspects"):
        load(kind="pair")
    with pytest.raises(UserError, match="NERP is no classification task but one of tagging"):
        load_labelled("nerp", "classification")


FILES = {
    "smsa": ('tempat "nyaman\tpositive\ntidak\tnegative\n', [("positive",), ("negative",)], 1),
    "emot": ('label,tweet\nfear,"takut\n, hantu"\nlove,sayang\n', [("fear",), ("love",)], 1),
    "casa": ("sentence,fuel,machine,others,part,price,service\nirit," + ",".join(["positive"] * 6) + "\n", None, 1),
    "hoasa": ("review," + ",".join(DATASETS["hoasa"].aspects) + "\nbau," + ",".join(["neg_pos"] * 10) + "\n", None, 1),
    "wrete": ("sent_A,sent_B,category,label\na,b,,NotEntail\nc,d,x,Entail_or_Paraphrase\n", None, 2),
}


@pytest.mark.parametrize("name", FILES)
def test_the_benchmarks_own_forms(name, tmp_path) -> None:
    text, labels, texts = FILES[name]
    (tmp_path / "file").write_text(text, encoding="utf-8")
    examples = table_reader(dataset(name)).read(tmp_path / "file", dataset(name).labels).examples
    assert all(len(example.texts) == texts for example in examples)
    assert all(len(example.labels) == max(1, len(dataset(name).aspects)) for example in examples)
    if labels is not None:
        assert [example.labels for example in examples] == labels


def test_the_masked_file_of_the_benchmark_would_be_refused_by_its_reader_too(tmp_path) -> None:
    path = tmp_path / "test_preprocess_masked_label.csv"
    path.write_text("label,tweet\n" + "happy,kata\n" * 440)
    with pytest.raises(UserError, match="masked"):
        read_labelled_file(path, DATASETS["emot"], "test")


def test_every_data_set_of_labelled_texts_can_be_read() -> None:
    labelled = {name for name, chosen in datasets.DATASETS.items() if chosen.kind not in ("tagging", "question")}
    assert labelled == {"smsa", *TEXT_COLUMNS} == {"smsa", "emot", "casa", "hoasa", "wrete"}
