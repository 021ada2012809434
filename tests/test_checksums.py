from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from elmo_xlstm.checksums import CHECKSUMS_FILE, find_damage, open_sealed, seal, write_checksums


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"w" * 50)
    write_checksums(tmp_path / "model")
    (tmp_path / "state.json").write_text('{"step": 3}')
    write_checksums(tmp_path)
    return tmp_path


def test_whole_files(directory: Path) -> None:
    assert find_damage(directory) == []
    listed = json.loads((directory / CHECKSUMS_FILE).read_text())["files"]
    assert set(listed) == {"state.json", "model/checksums.json"}  # which lists the rest
    (directory / "notes.txt").write_text("added by hand")
    assert find_damage(directory) == []


@pytest.mark.parametrize("name", ["state.json", "model/weights", "checksums.json", "model/checksums.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damage_is_named(directory: Path, name: str, damage: str) -> None:
    path = directory / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        at = len(data) * 2 // 3
        path.write_bytes(data[:-5] if damage == "cut" else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    found = find_damage(directory)
    if damage == "gone" and name == CHECKSUMS_FILE:
        assert found == []  # as of a directory from before there were lists
    else:
        assert len(found) >= 1 and any(str(path) in line or name == CHECKSUMS_FILE for line in found)


def test_without_a_list_what_was_cut_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.safetensors").write_bytes(seal({"x": torch.zeros(9)}))
    assert find_damage(tmp_path) == []
    (tmp_path / "a.json").write_text("{")
    data = (tmp_path / "b.safetensors").read_bytes()
    (tmp_path / "b.safetensors").write_bytes(data[:-4])
    assert [line.split(":")[0] for line in find_damage(tmp_path)] == [
        str(tmp_path / "a.json"),
        str(tmp_path / "b.safetensors"),
    ]


TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(True), "c": torch.zeros(0, 4), "d": torch.tensor([7])}


def test_a_sealed_file_is_read_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(seal(TENSORS, {"state": "é"}))
    tensors, metadata = open_sealed(tmp_path / "f")
    assert metadata == {"state": "é"} and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


SEALED = seal(TENSORS, {"state": "x"})


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    path = tmp_path_factory.mktemp("sealed") / "f"
    path.write_bytes(SEALED[:at] + bytes([SEALED[at] ^ 1 << bit]) + SEALED[at + 1 :])
    try:
        tensors, metadata = open_sealed(path)
    except (OSError, SafetensorError, ValueError):
        return
    # What is left are spaces between values of the header.
    assert metadata == {"state": "x"} or "sha256" not in path.read_bytes().decode(errors="replace")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_an_older_file_without_a_checksum_is_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.ones(2)}, tmp_path / "f")
    assert torch.equal(open_sealed(tmp_path / "f")[0]["x"], torch.ones(2))
