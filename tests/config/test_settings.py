from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from elmo_xlstm.config import ConfigError, Registry, Settings, evaluate_jsonnet, validate

optimizer_registry = Registry("optimizer")
reader_registry = Registry("reader")


@reader_registry.register("file")
class FileReader(Settings):
    type: Literal["file"] = "file"
    path: str
    columns: list[int] = []


@reader_registry.register("chain")
class ChainReader(Settings):
    type: Literal["chain"] = "chain"
    readers: list[Annotated[Any, reader_registry]]


@optimizer_registry.register("adam")
class Adam(Settings):
    type: Literal["adam"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)


class Part(Settings):
    size: int
    ratio: float = 0.5
    shuffle: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Part:
        if self.size * self.ratio > 100:
            raise ValueError(f"size={self.size} is too much for ratio={self.ratio}")
        return self


class Experiment(Settings):
    name: str
    seed: int = 0
    mode: Literal["fast", "slow"] = "fast"
    parts: list[Part] = []
    first: Part | None = None
    readers: list[Annotated[Any, reader_registry]] = []
    optimizer: Annotated[Any, optimizer_registry] | None = None
    epochs: Annotated[int, Field(gt=0)] | None = None


def problems(values: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(Experiment, values, origin="a.jsonnet")
    found = caught.value.problems
    counted = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    assert str(caught.value).splitlines() == [f"a.jsonnet: {counted}", *(f"  {line}" for line in found)]
    return found


def test_all_problems_at_once_with_full_paths_and_suggestions() -> None:
    values = {
        "sede": 3,
        "mode": "quick",
        "parts": [{"size": 1}, {"size": "many", "ration": 0.1}, {}],
        "first": {"size": 1, "shufle": False},
        "readers": [
            {"type": "file", "path": "a", "colums": [1]},
            {"type": "fil", "path": "a"},
            {"path": "a"},
            {"type": "chain", "readers": [{"type": "file"}, {"type": "chain", "readers": [{"type": "xyz"}]}]},
            {"type": "file", "path": "a", "columns": [1, "x"]},
        ],
        "optimizer": {"type": "adam", "learning_rate": -1, "beta": 0.9, "betas": [0.9, "b"]},
        "epochs": 0,
    }
    integer = "input should be a valid integer, unable to parse string as an integer"
    number = "input should be a valid number, unable to parse string as a number"
    assert sorted(problems(values)) == sorted(
        [
            "name: is required but missing",
            "sede: unknown key; did you mean 'seed'?",
            "mode: input should be 'fast' or 'slow' (got 'quick')",
            f"parts[1].size: {integer} (got 'many')",
            "parts[1].ration: unknown key; did you mean 'ratio'?",
            "parts[2].size: is required but missing",
            "first.shufle: unknown key; did you mean 'shuffle'?",
            "readers[0].colums: unknown key; did you mean 'columns'?",
            "readers[1]: unknown type 'fil'; did you mean 'file'?",
            "readers[2]: needs a key 'type' that says which implementation to use",
            "readers[3].readers[0].path: is required but missing",
            "readers[3].readers[1].readers[0]: unknown type 'xyz'; known here: chain, file",
            f"readers[4].columns[1]: {integer} (got 'x')",
            "optimizer.learning_rate: input should be greater than 0 (got -1)",
            "optimizer.beta: unknown key; did you mean 'betas'?",
            f"optimizer.betas[1]: {number} (got 'b')",
            "epochs: input should be greater than 0 (got 0)",
        ]
    )


def test_an_unknown_key_with_no_near_name_shows_what_there_is() -> None:
    assert problems({"name": "a", "first": {"size": 1, "xyz": 1}}) == [
        "first.xyz: unknown key; known here: ratio, shuffle, size"
    ]


def test_a_message_of_a_validator_is_told_where_it_applies() -> None:
    found = problems({"name": "a", "parts": [{"size": 1}, {"size": 500}]})
    assert found == ["parts[1]: size=500 is too much for ratio=0.5"]


@pytest.mark.parametrize("values", [[], "text", 3, None])
def test_values_that_are_no_object(values: Any) -> None:
    (problem,) = problems(values)
    assert problem.startswith("(top level): ")


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"name": 3}, "name"),
        ({"name": "a", "seed": 2.5}, "seed"),
        ({"name": "a", "seed": None}, "seed"),
        ({"name": "a", "parts": {"size": 1}}, "parts"),
        ({"name": "a", "first": [1]}, "first"),
        ({"name": "a", "readers": ["file"]}, "readers[0]"),
        ({"name": "a", "optimizer": "adam"}, "optimizer"),
        ({"name": "a", "first": {"size": 1, "shuffle": "maybe"}}, "first.shuffle"),
        ({"name": "a", "first": {"size": 1, "ratio": float("nan")}}, "first.ratio"),
        ({"name": "a", "first": {"size": 1, "ratio": "inf"}}, "first.ratio"),
    ],
)
def test_wrong_types_are_refused_with_what_was_expected(values: Any, path: str) -> None:
    (problem,) = problems(values)
    assert problem.startswith(f"{path}: input should be ")


def test_jsonnet_numbers_and_external_variables_are_accepted_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonnet"
    path.write_text(
        """{
          name: std.extVar('name'), seed: std.extVar('seed'), epochs: 4 / 2,
          first: { size: 3.0, ratio: std.extVar('ratio'), shuffle: std.extVar('shuffle') },
          optimizer: { type: 'adam', learning_rate: 2 },
        }"""
    )
    values = evaluate_jsonnet(path, {"name": "7", "seed": "5", "ratio": "0.25", "shuffle": "false"})
    experiment = validate(Experiment, values)
    assert (experiment.name, experiment.seed, experiment.epochs) == ("7", 5, 2)
    assert experiment.first == Part(size=3, ratio=0.25, shuffle=False)
    assert type(experiment.first.size) is int and type(experiment.optimizer.learning_rate) is float


def test_a_whole_float_is_an_integer() -> None:
    assert repr(validate(Experiment, {"name": "a", "seed": 2.0}).seed) == "2"


def test_settings_cannot_be_changed() -> None:
    experiment = validate(Experiment, {"name": "a"})
    with pytest.raises(ValidationError, match="frozen"):
        experiment.seed = 3


def test_stored_settings_are_read_back_the_same() -> None:
    values = {
        "name": "a",
        "readers": [{"type": "chain", "readers": [{"type": "file", "path": "x", "columns": [1]}]}],
        "optimizer": {"type": "adam"},
        "first": {"size": 2},
    }
    experiment = validate(Experiment, values)
    stored = json.loads(json.dumps(experiment.model_dump(mode="json")))
    assert validate(Experiment, stored) == experiment and stored["optimizer"]["betas"] == [0.9, 0.999]
