from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage, write_checksums
from elmo_xlstm.runs.files import UnreadableError
from elmo_xlstm.runs.weights import open_sealed, seal


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
    (directory / "f.safetensors").write_bytes(seal({"a": torch.zeros(2)}))
    for look in (lambda: find_damage(directory), lambda: open_sealed(directory / "f.safetensors")):
        with no_more_files(), pytest.raises(UnreadableError, match="too many open files"):
            look()
