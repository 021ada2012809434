from __future__ import annotations

import gzip
import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers import problems
from elmo_xlstm.tasks.data.readers.problems import read_lines


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_all_line_ends_are_line_ends(tmp_path: Path, end: str) -> None:
    lines = ["satu", "", "dua\x85\u2028\x0ctiga", " \t", "empat"]
    for content in (end.join(lines), end.join([*lines, ""]), "\ufeff" + end.join(lines)):
        (tmp_path / "in.txt").write_bytes(content.encode())
        assert list(read_lines(tmp_path / "in.txt")) == lines


def test_mixed_line_ends(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"a\rb\nc\r\nd\r\r\ne\n\rf")
    assert list(read_lines(tmp_path / "in.txt")) == ["a", "b", "c", "d", "e", "", "f"]


def test_compressed_files_have_the_same_lines(tmp_path: Path) -> None:
    (tmp_path / "in.txt.gz").write_bytes(gzip.compress(b"satu\rdua\r\n"))
    assert list(read_lines(tmp_path / "in.txt.gz")) == ["satu", "dua"]


@pytest.mark.parametrize("path", ["/dev/zero", "pipe", "file"])
def test_memory_is_bounded_whatever_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A line that never ends is refused as soon as it is longer than lines may be."""
    monkeypatch.setattr(problems, "LONGEST_LINE", 2**20)
    source = Path(path) if path.startswith("/") else tmp_path / path
    if path == "file":
        source.write_bytes(b"kata " * 2**20)
    elif path == "pipe":
        os.mkfifo(source)

        def write() -> None:
            with pytest.raises(BrokenPipeError), open(source, "wb") as file:
                while True:
                    file.write(b"kata " * 2**10)

        writer = threading.Thread(target=write)
        writer.start()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r":1: a line of more than 1 million characters"):
            list(read_lines(source))
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
    if path == "pipe":
        writer.join()


def test_bytes_that_are_no_utf_8_are_found_in_their_line(tmp_path: Path) -> None:
    for content in (b"baik\r\xc3\xa9 \xff", b"baik\n" + "é ".encode() + b"\xed\xa0\x80"):
        (tmp_path / "in.txt").write_bytes(content)
        with pytest.raises(UserError, match=r"in\.txt:2: not UTF-8 \(byte 0x(ff|ed) at position 4 of the line\)"):
            list(read_lines(tmp_path / "in.txt"))
