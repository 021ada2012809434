from __future__ import annotations

import json
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.model_directory import find_model, read_provenance, verify_files, write_provenance
from elmo_xlstm.lm.model_files import save_model
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


def test_a_run_is_found_by_its_own_directory(make_model, tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_model(make_model(tiny_tokenizer, seed=1), tiny_tokenizer, tmp_path / "run" / "model")
    assert find_model(tmp_path / "run") == find_model(str(tmp_path / "run" / "model")) == tmp_path / "run" / "model"


@pytest.mark.parametrize("name", [".", "none", "runs/none", "./a/b", "a/b/c", "name"])
def test_what_can_only_be_a_path_is_not_asked_of_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> str:
        raise AssertionError("asked the hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no pretrained model there"):
        find_model(name)


def test_a_hub_that_does_not_answer_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"someone/model: .*the Hugging Face hub does not give it \(ConnectionError\)"):
        find_model("someone/model")


@pytest.mark.parametrize("revision", [None, "v1"])
def test_a_hub_name_is_fetched_without_pickles(
    revision: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def snapshot(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision, sorted(allow_patterns)))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.chdir(tmp_path)
    assert find_model("someone/model", revision) == tmp_path
    assert asked == [("someone/model", revision, ["*.json", "*.safetensors"])]
