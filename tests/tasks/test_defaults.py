from __future__ import annotations

import json
from typing import Any

import pytest

from elmo_xlstm.config import ConfigError, load_experiment, validate
from elmo_xlstm.tasks.defaults import HEADS, complete
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.suite.settings import Selection, read_suite

DATA = {
    "tagging": {"type": "conll", "train": "a.conll"},
    "classification": {"type": "files", "train": "a.csv"},
    "aspects": {"type": "files", "train": "a.csv", "aspects": ["x", "y"]},
    "pairs": {"type": "files", "train": "a.csv"},
}
HELD_OUT = {"valid_fraction": 0.1, "test_fraction": 0.1}


def values(kind: str = "tagging", **task: Any) -> dict[str, Any]:
    return {"task": {"type": kind, "name": "own", "dataset": {**DATA[kind], **HELD_OUT}, **task}}


@pytest.mark.parametrize("kind", DATA)
def test_the_data_are_enough(kind) -> None:
    settings = validate(FinetuneSettings, values(kind))
    assert settings.model == "frozen-bilm" and settings.embedder.model == "small"
    head = settings.task.head
    assert head.mix is not None and head.characters is not None and head.words is not None
    assert settings == validate(FinetuneSettings, settings.model_dump(mode="json"))


def test_every_kind_has_a_valid_default_without_the_experiment_around_it() -> None:
    schema = FinetuneSettings.model_json_schema()
    assert schema["required"] == ["task"]
    for kind in HEADS:
        kinds = [one for one in schema["$defs"].values() if "dataset" in one["properties"]]
        (found,) = (one for one in kinds if one["properties"]["type"]["const"] == kind)
        assert "dataset" in found["required"] and "head" not in found["required"]


def test_no_language_model_is_no_mix() -> None:
    without = validate(FinetuneSettings, {**values(), "embedder": None})
    assert (without.model, without.task.head.mix, without.embedder) == ("no-bilm", None, None)
    twin = validate(FinetuneSettings, {**values(head={"mix": None}), "embedder": None})
    assert twin == without == validate(FinetuneSettings, values(head={"mix": None}))


def test_what_is_said_stays() -> None:
    open_head = validate(FinetuneSettings, values(head={"scheme": "none", "dropout": 0.0})).task.head
    assert open_head.scheme == "none" and open_head.dropout == 0 and open_head.words is not None
    closed = validate(FinetuneSettings, values(head={"words": {}}))
    assert (closed.task.head.mix, closed.task.head.characters, closed.embedder) == (None, None, None)
    assert closed.task.head.encoder.hidden_size != HEADS["tagging"]["encoder"]["hidden_size"]
    mixed = validate(FinetuneSettings, {**values(head={"mix": {}}), "model": "mine"})
    assert mixed.embedder.model == "small" and mixed.model == "mine" and mixed.task.head.words is None
    other = validate(FinetuneSettings, values(head={"type": "majority"}))
    assert (other.model, other.embedder) == ("majority", None)
    tuned = validate(FinetuneSettings, {**values(), "embedder": {"fine_tune": {}}})
    assert tuned.model == "tuned-bilm" and tuned.task.head.mix is not None


def test_nothing_to_read_words_by_is_still_refused() -> None:
    with pytest.raises(ConfigError, match="at least one of mix, characters and words"):
        validate(FinetuneSettings, values(head={"mix": None, "characters": None, "words": None}))


@pytest.mark.parametrize("broken", [{}, {"task": 3}, {"task": {"head": 3}}, {"task": {"type": ["tagging"]}}])
def test_broken_values_are_left_to_validation(broken) -> None:
    assert complete(broken) == broken
    with pytest.raises(ConfigError):
        validate(FinetuneSettings, broken)


def test_overrides_change_parts_of_defaults(tmp_path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(values()))
    overrides = ["embedder.pooling=mean", "task.head.scheme=none", "task.head.words.dim=7"]
    settings = load_experiment(FinetuneSettings, path, overrides)
    head = settings.task.head
    assert settings.embedder.pooling == "mean" and head.scheme == "none" and head.mix and head.words.dim == 7
    assert head.words.min_count == 2 and HEADS["tagging"]["words"]["dim"] == 100


def test_in_a_suite() -> None:
    suite = read_suite({"experiments": [values(), {**values(), "embedder": None}]}, Selection(models=["frozen-bilm"]))
    (experiment,) = suite.experiments
    assert experiment.settings == validate(FinetuneSettings, values())
    overridden = read_suite({"experiments": [values()]}, Selection(overrides=["trainer.epochs=2"])).experiments[0]
    assert overridden.settings.embedder is not None and overridden.settings.trainer.epochs == 2
