"""Where commands are typed: a directory of its own, with the bundled model's place taken by a tiny one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elmo_xlstm import cli

DATA = Path(__file__).parent / "data"


@pytest.fixture
def workplace(tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the hand-written data in it."""
    monkeypatch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: model_directory)
    monkeypatch.chdir(tmp_path)
    for path in DATA.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def run():
    """Runs a command and returns what it prints."""

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(cli.app, list(map(str, arguments)))
        if result.exception is not None:
            raise result.exception
        return result.output

    return run
