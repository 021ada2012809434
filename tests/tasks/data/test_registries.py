from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data import aspect_datasets, classification_datasets, pair_datasets, tagging_datasets
from elmo_xlstm.tasks.data.indonlu import IndoNLUTagging


class Holder(Settings):
    """One data set of each kind."""

    dataset: Annotated[Any, tagging_datasets] = None
    classification: Annotated[Any, classification_datasets] = None
    aspects: Annotated[Any, aspect_datasets] = None
    pairs: Annotated[Any, pair_datasets] = None


BENCHMARK = [
    ("classification", "smsa", ("positive", "neutral", "negative"), 0),
    ("classification", "emot", ("sadness", "anger", "love", "fear", "happy"), 0),
    ("aspects", "casa", ("negative", "neutral", "positive"), 6),
    ("aspects", "hoasa", ("neg", "neut", "pos", "neg_pos"), 10),
    ("pairs", "wrete", ("NotEntail", "Entail_or_Paraphrase"), 0),
]


@pytest.mark.parametrize(("kind", "name", "labels", "aspects"), BENCHMARK)
def test_benchmarks(kind, name, labels, aspects, tmp_path) -> None:
    values = {kind: {"type": "indonlu", "name": name, "location": {"data_dir": str(tmp_path)}}}
    dataset = getattr(validate(Holder, values), kind)
    with pytest.raises(UserError, match=f"{tmp_path}.*no such file"):
        dataset.load()
    config = dataset.reader()
    assert len(config.text_columns) == (2 if kind == "pairs" else 1)
    assert len(config.label_columns) == max(1, aspects)


@pytest.mark.parametrize(("kind", "name"), [("classification", "casa"), ("aspects", "smsa"), ("pairs", "emot")])
def test_tasks_of_another_kind(kind, name) -> None:
    with pytest.raises(ConfigError, match=rf"{kind}\.name"):
        validate(Holder, {kind: {"type": "indonlu", "name": name}})


def test_types() -> None:
    assert isinstance(validate(Holder, {"dataset": {"type": "indonlu", "name": "nerp"}}).dataset, IndoNLUTagging)
    with pytest.raises(ConfigError, match=r"dataset: unknown type 'connl'; did you mean 'conll'\?"):
        validate(Holder, {"dataset": {"type": "connl"}})
    with pytest.raises(ConfigError, match=r"dataset\.name: "):
        validate(Holder, {"dataset": {"type": "indonlu", "name": "smsa"}})
    with pytest.raises(ConfigError, match=r"dataset\.labels: "):
        validate(Holder, {"dataset": {"type": "conll", "train": "a", "valid": "b", "test": "c", "labels": []}})


def test_aspects_of_reviews(tmp_path) -> None:
    dataset = validate(Holder, {"dataset": {"type": "absa_e2e", "data_dir": str(tmp_path)}}).dataset
    with pytest.raises(UserError, match=r"train.txt: no such file; data_dir should be a copy of the 'data' directory"):
        dataset.load()
    path = tmp_path / "own.txt"
    path.write_text("kamar mandi bersih .####[([0, 1], [2], 'POS')]\n")
    assert dataset.reader().read(path).examples[0].tags == ("B-POS", "E-POS", "O", "O")


def test_benchmark_task(tmp_path) -> None:
    dataset = IndoNLUTagging(name="nerp")
    assert dataset.reader().config.columns == 2
    missing = validate(
        Holder, {"dataset": {"type": "indonlu", "name": "nerp", "location": {"data_dir": str(tmp_path)}}}
    )
    with pytest.raises(UserError, match=str(Path(tmp_path))):
        missing.dataset.load()
