import gzip
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.vector_file import read_vectors

TEXT = "2 3\nJakarta 1 2 3\nNew York -1 0.5 1e-2 \n"


@pytest.mark.parametrize("header", [True, False])
def test_plain_and_packed(tmp_path: Path, header: bool) -> None:
    text = TEXT if header else TEXT.split("\n", 1)[1]
    (tmp_path / "a.vec").write_text(text)
    (tmp_path / "a.vec.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.vec", "a.vec.gz"):
        found = {word: vector.tolist() for word, vector in read_vectors(tmp_path / name, 3)}
        assert found == {"Jakarta": [1, 2, 3], "New York": pytest.approx([-1, 0.5, 0.01])}


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_change_nothing(tmp_path: Path, end: str) -> None:
    text = TEXT.replace("Jakarta", "Jak\x85arta\u2028")
    (tmp_path / "a.vec").write_bytes(text.replace("\n", end).encode())
    assert [word for word, _ in read_vectors(tmp_path / "a.vec", 3)] == ["Jak\x85arta\u2028", "New York"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 4\nJakarta 1 2 3 4\n", "a.vec:1: vectors are 4 wide, but dim is 3"),
        ("Jakarta 1 2 3\nBali 1 2\n", "a.vec:2: expected a word and 3 numbers"),
        ("Jakarta 1 x 3\n", "a.vec:1: expected a word"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.vec").write_text(text)
    with pytest.raises(UserError, match=message):
        list(read_vectors(tmp_path / "a.vec", 3))


def test_missing_and_cut_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        list(read_vectors(tmp_path / "none.vec", 3))
    packed = gzip.compress((TEXT * 1).encode())
    for data in (packed[:-12], b"plain text"):
        (tmp_path / "a.vec.gz").write_bytes(data)
        with pytest.raises(UserError, match="cannot be unpacked"):
            list(read_vectors(tmp_path / "a.vec.gz", 3))
