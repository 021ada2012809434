from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.errors import UserError
from tasks.tagging.datasets import IndoNLUTagging, tagging_datasets


class Holder(Settings):
    dataset: Annotated[Any, tagging_datasets]


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
    assert dataset.reader().read(path).sentences[0].tags == ("B-POS", "E-POS", "O", "O")


def test_benchmark_task(tmp_path) -> None:
    dataset = IndoNLUTagging(name="nerp")
    assert dataset.reader().config.columns == 2
    missing = validate(
        Holder, {"dataset": {"type": "indonlu", "name": "nerp", "location": {"data_dir": str(tmp_path)}}}
    )
    with pytest.raises(UserError, match=str(Path(tmp_path))):
        missing.dataset.load()
