from __future__ import annotations

import json
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.lm.provenance import read_provenance, verify_files, write_provenance
from elmo_xlstm.runs.checksums import write_checksums
from elmo_xlstm.text import Tokenizer


@pytest.fixture
def directory(make_model, tiny_tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A model with all that an export has."""
    save_model(make_model(tiny_tokenizer, seed=1), tiny_tokenizer, tmp_path)
    write_provenance(tmp_path, {"steps": 3})
    write_checksums(tmp_path)
    return tmp_path


def test_facts_come_back(directory: Path) -> None:
    assert read_provenance(directory) == {"format_version": 1, "steps": 3}
    verify_files(directory)


@pytest.mark.parametrize("name", ["model.safetensors", "provenance.json", "tokenizer.json", "config.json"])
def test_a_changed_or_missing_file_is_refused_and_named(directory: Path, name: str) -> None:
    content = bytearray((directory / name).read_bytes())
    content[-2] ^= 1
    (directory / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"the model is damaged: {directory / name}: its content is not what was"):
        BiXLSTM.from_pretrained(directory)
    (directory / name).unlink()
    with pytest.raises(UserError, match=rf"the model is damaged: {directory / name}: is missing"):
        BiXLSTM.from_pretrained(directory)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_damaged_provenance_is_refused(directory: Path, content: str) -> None:
    (directory / "provenance.json").write_text(content)
    with pytest.raises(UserError, match=r"provenance.json: cannot be read as a model's provenance"):
        read_provenance(directory)


def test_another_format_is_refused(directory: Path) -> None:
    (directory / "provenance.json").write_text(json.dumps({"format_version": 2}))
    with pytest.raises(UserError, match="is of format 2, expected 1"):
        read_provenance(directory)


def test_a_model_without_them_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    assert read_provenance(tmp_path) is None
    verify_files(tmp_path)


def test_a_model_that_is_saved_over_another_does_not_keep_its_checksums(
    directory: Path, make_model, tiny_tokenizer: Tokenizer
) -> None:
    save_model(make_model(tiny_tokenizer, seed=2), tiny_tokenizer, directory)
    assert read_provenance(directory) is None
    BiXLSTM.from_pretrained(directory)
