"""Training a vocabulary as an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text.tokenizer_experiment import TokenizerSettings, run_tokenizer_training


def test_two_processes_do_not_write_one_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("ibu pergi ke pasar dan ayah pergi ke sawah\n" * 5)
    values = {
        "sources": [{"type": "local", "paths": [str(tmp_path / "text.txt")], "documents": "line"}],
        "cleaning": {"min_characters": 1},
        "wordpiece": {"vocab_size": 60, "lower_case": True},
    }
    settings, directory = validate(TokenizerSettings, values), tmp_path / "tokenizer"
    with open_run(directory, settings):
        before = set(directory.iterdir())
        with pytest.raises(UserError, match="another process is at work"), open_run(directory, settings, force=True):
            pass
        assert set(directory.iterdir()) == before
        assert run_tokenizer_training(settings, directory).vocab_size <= 60
    with open_run(directory, settings, force=True):  # what the first run wrote is all known to be a tokenizer's
        assert set(directory.iterdir()) == before
