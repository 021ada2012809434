from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.output_file import open_output


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
