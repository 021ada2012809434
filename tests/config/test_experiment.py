from __future__ import annotations

from pathlib import Path

import pytest

from elmo_xlstm.config import ConfigError, Settings, load_experiment, read_experiment
from elmo_xlstm.errors import UserError


class Example(Settings):
    name: str
    size: int = 1
    output: str | None = None


@pytest.fixture
def path(tmp_path) -> Path:
    file = tmp_path / "example.jsonnet"
    file.write_text("{ name: std.extVar('who'), output: 'there' }")
    return file


def test_file_then_overrides_then_options(path) -> None:
    loaded = load_experiment(Example, path, ["size=3", "output=elsewhere"], ["who=a=b"], output=Path("x/y"), size=None)
    assert loaded == Example(name="a=b", size=3, output="x/y")


def test_problems_name_the_file(path) -> None:
    with pytest.raises(ConfigError, match=r"example\.jsonnet: 1 problem\n  siez: unknown key; did you mean 'size'"):
        load_experiment(Example, path, ["siez=3"], ["who=x"])


@pytest.mark.parametrize("variable", ["who", "=x", ""])
def test_malformed_variables(path, variable) -> None:
    with pytest.raises(UserError, match=f"--ext-var {variable}: expected NAME=VALUE"):
        read_experiment(path, [variable])
