from __future__ import annotations

from typing import Annotated, Any

import pytest

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.errors import UserError
from tasks.aspects.datasets import aspect_datasets
from tasks.classification.datasets import classification_datasets
from tasks.pairs.datasets import pair_datasets


class Holder(Settings):
    """One data set of each kind."""

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
def test_benchmark_tasks(kind, name, labels, aspects, tmp_path) -> None:
    values = {kind: {"type": "indonlu", "name": name, "location": {"data_dir": str(tmp_path)}}}
    dataset = getattr(validate(Holder, values), kind)
    with pytest.raises(UserError, match=f"{tmp_path}.*no such file"):
        dataset.load()
    config = dataset.reader().config
    assert len(config.text_columns) == (2 if kind == "pairs" else 1)
    assert len(config.label_columns) == max(1, aspects)


@pytest.mark.parametrize(("kind", "name"), [("classification", "casa"), ("aspects", "smsa"), ("pairs", "emot")])
def test_tasks_of_another_kind(kind, name) -> None:
    with pytest.raises(ConfigError, match=rf"{kind}\.name"):
        validate(Holder, {kind: {"type": "indonlu", "name": name}})
