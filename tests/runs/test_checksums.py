from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage, open_sealed, require_finite, seal, write_checksums
from elmo_xlstm.runs.files import UnreadableError


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


def test_lists_that_lead_in_a_circle_or_out_end(tmp_path: Path) -> None:
    """However deep and wide: a list that lists itself, links to its own directory, files elsewhere."""
    (tmp_path / "secret").write_text("x")
    directory = tmp_path / "run"
    directory.mkdir()
    names = [f"again{number}" for number in range(20)]
    for name in names:
        (directory / name).symlink_to(directory)
    assert find_damage(directory) == []
    lists = ["checksums.json", *(f"{name}/checksums.json" for name in names)]
    others = ["../secret", str(tmp_path / "secret"), "again0/../../secret"]
    entries = {name: {"bytes": 1, "sha256": "0"} for name in (*lists, *others)}
    (directory / CHECKSUMS_FILE).write_text(json.dumps({"format": 1, "files": entries}))
    found = find_damage(directory)
    assert len(found) == len(entries)
    assert sum("is not in the directory itself" in line or "leads out" in line for line in found) == len(entries) - 1


@pytest.mark.parametrize("name", ["state.json", "model/weights", "checksums.json"])
def test_what_is_no_plain_file_is_damage(directory: Path, name: str) -> None:
    (directory / name).unlink()
    (directory / name).symlink_to("/dev/zero")
    found = find_damage(directory)
    assert found == ([] if name == CHECKSUMS_FILE else [f"{directory / name}: is no regular file"])


def test_what_cannot_be_read_just_now_is_not_damaged(directory: Path, no_more_files: Callable[[], Any]) -> None:
    (directory / "f.safetensors").write_bytes(SEALED)
    for look in (lambda: find_damage(directory), lambda: open_sealed(directory / "f.safetensors")):
        with no_more_files(), pytest.raises(UnreadableError, match="too many open files"):
            look()
    (directory / CHECKSUMS_FILE).unlink()
    with no_more_files(), pytest.raises(UnreadableError, match="too many open files"):
        find_damage(directory)


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


ORDINARY = {"a": torch.tensor([65504.0, 1e-8], dtype=torch.float16), "b": np.array([3, -(2**62)])}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused_by_name(value: float, dtype: torch.dtype) -> None:
    require_finite(ORDINARY, "file")
    with pytest.raises(UserError, match="^file: .* c$|^file: .* c;"):
        require_finite({**ORDINARY, "c": torch.tensor([[1.0, value]], dtype=dtype)}, "file")
    with pytest.raises(UserError):
        require_finite({"c": np.array([1.0, value])}, "file")
