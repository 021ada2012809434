from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Annotated, Any

import pytest

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.registries import aspect_datasets, classification_datasets, pair_datasets


class Holder(Settings):
    """One data set of each kind."""

    classification: Annotated[Any, classification_datasets] = None
    aspects: Annotated[Any, aspect_datasets] = None
    pairs: Annotated[Any, pair_datasets] = None


def dataset(kind: str, **values: Any) -> Any:
    return getattr(validate(Holder, {kind: values}), kind)


@pytest.fixture
def write(tmp_path):
    """Writes three files of one ending, and gives their paths."""

    def write(ending: str, **texts: str) -> dict[str, str]:
        paths = {name: tmp_path / f"{name}{ending}" for name in texts}
        for name, text in texts.items():
            data = text.encode()
            paths[name].write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
        return {name: str(path) for name, path in paths.items()}

    return write


ROWS = [("enak sekali", "pos"), ("buruk", "neg"), ("biasa saja", "pos")]


def table(separator: str, rows, header=("ulasan", "nilai")) -> str:
    return "".join(separator.join(row) + "\n" for row in ([header] if header else []) + list(rows))


FORMS = {
    ".csv": (table(",", ROWS), {}),
    ".tsv": (table("\t", ROWS), {}),
    ".CSV": ("\ufeff" + table(",", ROWS), {}),
    ".tsv.gz": (table("\t", ROWS), {}),
    ".txt": (table(";", ROWS), {"format": "csv", "separator": ";"}),
    ".csv.gz": (table(",", ROWS, None), {"header": False, "text": 0, "label": -1}),
    ".jsonl": ("".join(json.dumps({"ulasan": t, "nilai": n}) + "\n" for t, n in ROWS), {}),
    ".json": ("".join(json.dumps({"ulasan": t, "nilai": n}) + "\n" for t, n in ROWS), {"format": "jsonl"}),
}


@pytest.mark.parametrize("ending", FORMS)
def test_every_format_gives_the_same(ending, write, tmp_path) -> None:
    content, values = FORMS[ending]
    paths = write(ending, train=content, valid=content, test=content)
    own = dataset("classification", type="files", **paths, **{"text": "ulasan", "label": "nilai", **values})
    splits = own.load()
    assert [(e.texts[0], *e.labels) for e in splits.train] == ROWS == [(e.texts[0], *e.labels) for e in splits.test]
    assert splits.labels == ("neg", "pos") and splits.aspects == ()
    assert set(splits.sha256) == {f"{name}{ending}" for name in ("train", "valid", "test")}
    assert own.reader().read(Path(paths["test"]), splits.labels).examples == splits.test


def test_endings_that_tell_nothing(write) -> None:
    paths = write(".txt", train="a", valid="a", test="a")
    with pytest.raises(UserError, match=r"train.txt: the ending tells no format; set format to csv, tsv or jsonl"):
        dataset("classification", type="files", **paths).load()


def test_aspects(write) -> None:
    content = "kalimat,kamar,harga\nbersih tapi mahal,1,-1\nbagus,1,\n"
    paths = write(".csv", train=content, valid=content, test=content)
    names = {"1": "positive", "-1": "negative", "": "neutral"}
    values = {"text": "kalimat", "aspects": ["kamar", "harga"], "label_names": names}
    splits = dataset("aspects", type="files", **paths, **values).load()
    assert splits.aspects == ("kamar", "harga") and splits.labels == ("negative", "neutral", "positive")
    assert [example.labels for example in splits.train] == [("positive", "negative"), ("positive", "neutral")]
    numbered = dataset("aspects", type="files", **paths, text=0, aspects=[2, 1], label_names=names).load()
    assert numbered.aspects == ("2", "1") and numbered.train[0].labels == ("negative", "positive")
    for aspects in ([], ["kamar", "kamar"]):
        with pytest.raises(ConfigError, match="aspects"):
            dataset("aspects", type="files", **paths, aspects=aspects)


def test_pairs_drawn_from_one_file(write) -> None:
    content = "".join(f"premis {n}\thipotesis {n}\t{'ya' if n % 2 else 'tidak'}\n" for n in range(20))
    paths = write(".tsv", train=content)
    values = {"header": False, "first": 0, "second": 1, "label": 2, "valid_fraction": 0.2, "test_fraction": 0.2}
    splits = dataset("pairs", type="files", **paths, **values).load()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [12, 4, 4]
    assert len(splits.train[0].texts) == 2 and list(splits.sha256) == ["train.tsv"]


def test_problems_of_all_files(write, tmp_path) -> None:
    good = table(",", ROWS)
    paths = write(".csv", train=good, valid=good + "hm,poss\n", test=good + "\nsatu\n,pos\n")
    values = {"type": "files", **paths, "text": "ulasan", "label": "nilai"}
    with pytest.raises(UserError) as caught:
        dataset("classification", **values).load()
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/valid.csv: 1 problem",
        f"  {tmp_path}/valid.csv:5: unknown label 'poss' in column 'nilai'; did you mean 'pos'?",
        f"{tmp_path}/test.csv: 2 problems",
        f"  {tmp_path}/test.csv:6: 1 column, expected 2 (separated by ',')",
        f"  {tmp_path}/test.csv:7: empty text in column 'ulasan'",
        "Known are the labels of the training data: neg, pos. If there are others, declare all of them in 'labels'.",
        "Mend the rows, or set on_bad_row: 'skip' to leave them out.",
    ]
    splits = dataset("classification", **values, on_bad_row="skip").load()
    assert splits.skipped == {paths["valid"]: 1, paths["test"]: 2} and len(splits.test) == 3
    assert len(dataset("classification", **values, on_bad_row="skip", labels=["pos", "neg", "poss"]).load().valid) == 4


def test_skipped_rows_are_told_before_training(write, labelled_settings, tmp_path) -> None:
    good = table(",", ROWS)
    paths = write(".csv", train=good + "x\n", valid=good, test=good)
    values = {"type": "files", **paths, "text": "ulasan", "label": "nilai", "on_bad_row": "skip"}
    settings = labelled_settings("classification", tmp_path, bilm=False, dataset=values, main_metric="accuracy")
    task = settings.task.build(None)
    assert task.prepare()["skipped"] == {paths["train"]: 1}
    scores = task.score(task.split("test"))
    assert task.main_metric == "accuracy" and "accuracy" in scores.intervals


@pytest.mark.parametrize("metric", ["weighted_f1", "micro_f1"])
def test_the_metric_that_is_chosen_has_an_interval(metric, labelled_settings, tmp_path) -> None:
    task = labelled_settings("aspects", tmp_path, bilm=False, main_metric=metric).task.build(None)
    task.prepare()
    scores = task.score(task.split("test"))
    low, high = scores.intervals[metric]
    assert low <= scores.metrics[metric] <= high


def test_a_metric_that_is_not_measured_is_refused(labelled_settings, tmp_path) -> None:
    with pytest.raises(ConfigError, match="task.main_metric: input should be 'macro_f1', 'weighted_f1'"):
        labelled_settings("pairs", tmp_path, bilm=False, main_metric="token_accuracy")


@pytest.fixture
def saved(tmp_path):
    """Reviews on disk whose labels are numbers with names, one of them not labelled."""
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["negatif", "positif"])
    features = datasets.Features({"isi": datasets.Value("string"), "kamar": label, "harga": label})
    rows = {"isi": [f"ulasan {n}" for n in range(10)], "kamar": [n % 2 for n in range(10)], "harga": [1] * 9 + [-1]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "saved"))
    return str(tmp_path / "saved")


def test_hugging_face(saved) -> None:
    values = {"type": "huggingface", "name": saved, "valid_fraction": 0.2, "test_fraction": 0.2, "text": "isi"}
    splits = dataset("classification", **values, label="kamar").load()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [6, 2, 2]
    assert splits.labels == ("negatif", "positif") and list(splits.sha256) == [f"{saved}/train"]
    with pytest.raises(UserError, match=r"train, row 10: empty label in column 'harga'"):
        dataset("aspects", **values, aspects=["kamar", "harga"]).load()
    names = {"": "netral", "negatif": "neg"}
    aspects = dataset("aspects", **values, aspects=["kamar", "harga"], label_names=names).load()
    assert aspects.labels == ("neg", "positif", "netral") and aspects.aspects == ("kamar", "harga")
    skipping = dataset("aspects", **values, aspects=["harga"], on_bad_row="skip").load()
    assert skipping.skipped == {"train": 1}


def test_hugging_face_reads_local_files(tmp_path, monkeypatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for name in ("train", "test"):
        rows = ({"a": f"{name} {n}", "b": "x", "cocok": n % 2} for n in range(6))
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("train", "test")}
    own = dataset(
        "pairs",
        type="huggingface",
        name="json",
        data_files=files,
        valid="train[:50%]",
        train="train[50%:]",
        test="test",
        first="a",
        second="b",
        label="cocok",
        label_names={"0": "tidak", "1": "ya"},
    )
    splits = own.load()
    assert splits.train[0].texts == ("train 3", "x") and splits.valid[0].texts == ("train 0", "x")
    assert splits.labels == ("tidak", "ya") and splits.train[0].labels == ("ya",)
    assert own.reader().read(tmp_path / "test.jsonl", splits.labels).examples[1].labels == ("ya",)
