from __future__ import annotations

import logging

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.user_data.hub import HubSplit, read_hub_split
from elmo_xlstm.tasks.data.user_data.tagged import TaggedHub

datasets = pytest.importorskip("datasets")


def config(**values) -> TaggedHub:
    return TaggedHub(**{"name": "someone/reviews", "valid": "validation", "test": "test", **values})


def test_settings_reach_the_library(monkeypatch, caplog) -> None:
    asked = []

    def load_dataset(*arguments, **options):
        asked.append((arguments, options))
        return datasets.Dataset.from_dict({"text": ["a"], "label": ["x"], "id": [1]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    chosen = config(config_name="id", revision="abc123")
    split = read_hub_split(chosen, "train[:10%]", ("text", "label"), ("label",))
    assert asked == [(("someone/reviews", "id"), {"data_files": None, "split": "train[:10%]", "revision": "abc123"})]
    assert split.shown == "someone/reviews/id/train[:10%]" and list(split.rows) == [{"text": "a", "label": "x"}]
    assert not caplog.records
    read_hub_split(config(), "train", ("text",), ())
    assert "someone/reviews: no revision is given" in caplog.text


def test_code_of_others_is_never_run(monkeypatch) -> None:
    asked = []

    def load_dataset(name, config_name, *, trust_remote_code=None, **options):
        asked.append(trust_remote_code)
        return datasets.Dataset.from_dict({"text": ["a"]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    read_hub_split(config(revision="abc"), "train", ("text",), ())
    assert asked == [False]


def test_what_cannot_be_had_is_one_message(monkeypatch) -> None:
    def load_dataset(*_, **__):
        raise ConnectionError("Couldn't reach the Hub\nmore detail")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    message = r"^data set someone/reviews/train: cannot be read \(ConnectionError: Couldn't reach the Hub\); check .*$"
    with pytest.raises(UserError, match=message) as caught:
        read_hub_split(config(revision="abc"), "train", ("text",), ())
    assert "\n" not in str(caught.value)


def test_checksum_is_of_what_is_read(monkeypatch) -> None:
    def digest(**columns):
        monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.Dataset.from_dict(columns))
        return read_hub_split(config(revision="abc"), "train", ("text", "label"), ("label",)).sha256

    first = digest(text=["a", "b"], label=[0, 1])
    assert digest(text=["a", "b"], label=[0, 1], other=["x", "y"]) == first
    assert digest(text=["a", "b"], label=[1, 1]) != first and digest(text=["b", "a"], label=[1, 0]) != first


def test_rows_that_are_all_bad(caplog) -> None:
    def refuse(row, origin):
        raise ValueError("no good")

    split = HubSplit("x/train", [{}, {}], {}, "")
    with pytest.raises(UserError, match="x/train: 2 problems"):
        split.parse(refuse, strict=True)
    with caplog.at_level(logging.WARNING), pytest.raises(UserError, match="holds no row that can be used"):
        split.parse(refuse, strict=False)
    assert "2 skipped" in caplog.text


def test_declared_labels() -> None:
    split = HubSplit("x", [], {"a": ("neg", "pos"), "b": ("pos", "mixed")}, "")
    assert split.declared_labels(("a", "b"), {}) == ("neg", "pos", "mixed")
    assert split.declared_labels(("a",), {"neg": "pos", "": "none"}) == ("pos", "none")
    assert split.declared_labels(("a", "c"), {}) is None
