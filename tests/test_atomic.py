from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from elmo_xlstm import atomic
from elmo_xlstm.atomic import HOST, clear_left_overs, exchange, replace_directory, write_atomically
from elmo_xlstm.disk import DiskError


def test_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_place_and_amounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for function in ("fsync", "replace"):
        with monkeypatch.context() as patch, pytest.raises(DiskError) as caught:
            patch.setattr(os, function, full)
            write_atomically(path, b"new")
        message = str(caught.value)
        assert message.startswith(f"{path}: cannot be written: no space left on device (3 bytes were to be written, ")
        assert f"are free in {tmp_path}" in message and "unchanged" in message
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    dead = tmp_path / f".a.json.{HOST}-{gone.pid}.tmp"
    living = tmp_path / f".a.json.{HOST}-{os.getppid()}.tmp"
    elsewhere = tmp_path / f".a.json.other{HOST}-{gone.pid}.tmp"
    for path in (dead, living, elsewhere):
        path.write_bytes(b"part")
    write_atomically(tmp_path / "a.json", b"new")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.json", living, elsewhere])


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    keep = ["model/weights", "notes.tmp", ".hidden/file", "checkpoints/step-00000001/state.json"]
    drop = [f".a.{HOST}-1.tmp", "model/.b.12.tmp", ".x.partial/file", "checkpoints/.step-00000002.partial/state.json"]
    for name in keep + drop:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    clear_left_overs(tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == sorted(keep)


@pytest.mark.parametrize("both", [True, False])
def test_a_kill_between_two_renames_is_mended(tmp_path: Path, both: bool) -> None:
    """Where names cannot be exchanged, a kill may leave the old directory aside, or aside and replaced."""
    old = tmp_path / ".model.old"
    old.mkdir()
    (old / "a").write_text("old")
    if both:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "a").write_text("new")
    clear_left_overs(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "a").read_text() == ("new" if both else "old")


@pytest.mark.parametrize("can", [True, False])
def test_a_directory_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool) -> None:
    if not can:
        monkeypatch.setattr(atomic, "exchange", lambda one, other: False)
    for name in ("one", "two"):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / name).write_text(name)
        replace_directory(tmp_path / "new", tmp_path / "model")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["model", "model/two"]


def test_names_change_places(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "of-a").touch()
    if exchange(tmp_path / "a", tmp_path / "b"):
        assert (tmp_path / "b" / "of-a").exists() and not (tmp_path / "a" / "of-a").exists()
    assert not exchange(tmp_path / "a", tmp_path / "nothing")
