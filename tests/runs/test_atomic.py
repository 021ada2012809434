from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs import directories
from elmo_xlstm.runs.atomic import HOST, PARTIAL, open_output, open_partial, write_atomically
from elmo_xlstm.runs.directories import clear_left_overs, exchange, replace_directory
from elmo_xlstm.runs.files import DiskError


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
    names = {
        "dead": f".a.json.{HOST}-{'0' * 16}.tmp",
        "older": f".a.json.{HOST}-{os.getppid()}.tmp",
        "living": f".a.json.{HOST}-{'1' * 16}.tmp",
        "elsewhere": f".a.json.other{HOST}-{'0' * 16}.tmp",
        "another": f".b.json.{HOST}-{'0' * 16}.tmp",
        "foreign": f".a.json.{HOST}-notes.tmp",
    }
    for name in names.values():
        (tmp_path / name).write_bytes(b"part")
    os.mkfifo(tmp_path / f".a.json.{HOST}-{'2' * 16}.tmp")
    with open(tmp_path / names["living"], "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_atomically(tmp_path / "a.json", b"new")
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert left == {"a.json", *(names[name] for name in ("living", "elsewhere", "another", "foreign"))}


def test_a_writer_keeps_its_file_while_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same file, under the same process number, as in two containers with one host name."""
    fsync, seen = os.fsync, []

    def slow(descriptor: int) -> None:
        seen.append(descriptor)
        if len(seen) < 3:
            write_atomically(tmp_path / "a", f"{len(seen)}".encode() * 100)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    write_atomically(tmp_path / "a", b"first to begin, last to end")
    assert len(seen) == 3 and (tmp_path / "a").read_bytes() == b"first to begin, last to end"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_taken_for_abandoned_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, taken = fcntl.flock, []

    def late(file: BinaryIO, how: int) -> None:
        if not taken:
            taken.append(file.name)
            os.unlink(file.name)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_atomically(tmp_path / "a", b"new")
    assert taken and (tmp_path / "a").read_bytes() == b"new"


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    keep = ["a/weights", "a.tmp", ".a.mine/file", "deep/.a.partial/file", ".b.partial/file", ".aa.partial/file"]
    drop = [f".a.{HOST}-1f.tmp", ".a.12.tmp", ".a.partial/file"]
    for name in keep + drop:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    clear_left_overs(tmp_path, "a")
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
    clear_left_overs(tmp_path, "mod*")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "a").read_text() == ("new" if both else "old")


@pytest.mark.parametrize("can", [True, False])
def test_a_directory_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool) -> None:
    if not can:
        monkeypatch.setattr(directories, "exchange", lambda one, other: False)
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


def write(path: Path, text: str = "baru\n", inputs: tuple[Path, ...] = ()) -> None:
    with open_output(path, inputs) as file:
        file.write(text)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_file_and_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    path.chmod(0o640)
    write(path)
    assert path.read_text() == "baru\n" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["out.jsonl"]


def test_the_old_content_stays_if_anything_goes_wrong(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("lama\n")
    with pytest.raises(KeyboardInterrupt), open_output(path) as file:
        file.write("half")
        raise KeyboardInterrupt
    assert path.read_text() == "lama\n" and names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("there", [True, False])
def test_links_are_followed(tmp_path: Path, there: bool) -> None:
    (tmp_path / "far").mkdir()
    real, one, two = tmp_path / "far" / "real", tmp_path / "one", tmp_path / "two"
    if there:
        real.write_text("lama\n")
    one.symlink_to("two")
    two.symlink_to("far/real")
    write(one)
    assert real.read_text() == "baru\n" and one.is_symlink() and two.is_symlink()


def test_devices_and_pipes_are_written_into(tmp_path: Path) -> None:
    null = os.stat("/dev/null")
    link, pipe, found = tmp_path / "null", tmp_path / "pipe", []
    link.symlink_to("/dev/null")
    write(Path("/dev/null"))
    write(link)
    assert os.stat("/dev/null") == null and link.is_symlink()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join()
    assert found == ["baru\n"] and pipe.is_fifo()


def test_the_file_of_standard_output_is_added_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    kept = os.dup(1)
    try:
        with open(log, "a") as file:
            file.write("lama\n")
            file.flush()
            os.dup2(file.fileno(), 1)
        write(log)
        write(Path("/dev/stdout"))
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    assert log.read_text() == "lama\nbaru\nbaru\n"


def test_an_input_is_never_written(tmp_path: Path) -> None:
    source, link, hard = tmp_path / "in.txt", tmp_path / "link", tmp_path / "hard"
    source.write_text("Siti\n")
    link.symlink_to(source)
    hard.hardlink_to(source)
    for output in (source, link, hard, tmp_path / "." / "in.txt"):
        with pytest.raises(UserError, match="choose another name"):
            write(output, inputs=(tmp_path / "none", source))
    assert source.read_text() == "Siti\n" and names(tmp_path) == ["hard", "in.txt", "link"]


def test_no_directory_is_made(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("none/out")
    for output in (tmp_path / "new" / "out", tmp_path / "dangling"):
        with pytest.raises(UserError, match=r"there is no directory .*make it"):
            write(output)
    with pytest.raises(UserError, match="is a directory"):
        write(tmp_path)
    assert names(tmp_path) == ["dangling"]


def test_a_full_device_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="/dev/full: cannot be written: no space left"):
        write(Path("/dev/full"))


def test_what_was_written_before_an_interruption_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    path, partial = tmp_path / "out.jsonl", tmp_path / f"out.jsonl{PARTIAL}"
    path.write_text("lama\n")
    with pytest.raises(KeyboardInterrupt), open_partial(path) as file:
        file.write("satu\ndu")
        raise KeyboardInterrupt
    assert (path.read_text(), partial.read_text()) == ("lama\n", "satu\ndu")
    with open_partial(path, whole=5) as file:
        file.write("dua\n")
        file.flush()
        with pytest.raises(UserError, match="another process"), open_partial(path):
            pass
    assert path.read_text() == "satu\ndua\n" and names(tmp_path) == ["out.jsonl"]


def test_without_going_on_nothing_stays_of_what_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "out"
    Path(f"{path}{PARTIAL}").write_text("half")
    with open_partial(path) as file:
        file.write("baru\n")
    assert path.read_text() == "baru\n" and names(tmp_path) == ["out"]
    with pytest.raises(UserError, match="choose another name"), open_partial(path, [path]):
        pass
    with open_partial(Path("/dev/null")) as file:
        file.write("baru\n")
