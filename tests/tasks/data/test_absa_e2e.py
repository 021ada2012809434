from __future__ import annotations

import hashlib
import logging

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data import absa_e2e
from elmo_xlstm.tasks.data.absa_e2e import FILES, LABELS, REPOSITORY, AspectTripletReader, load_absa
from elmo_xlstm.tasks.data.readers.problems import DataError
from elmo_xlstm.tasks.data.repository import DataFile

CONTENT = {
    "train": "kamar bersih .####[([0], [1], 'POS')]\nac mati .####[([0], [1], 'NEG')]\n",
    "valid": "nyaman .####[([-1], [0], 'POS')]\n",
    "test": "air dingin .####[([0], [1], 'NEU')]\n",
}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write three files and declare them."""

    def put(content=CONTENT, rows=None):
        files = {}
        for split, text in content.items():
            path = tmp_path / f"{split}.txt"
            path.write_bytes(text.encode())
            count = (rows or {}).get(split, text.count("\n"))
            files[split] = DataFile(path.name, count, hashlib.sha256(text.encode()).hexdigest())
        monkeypatch.setattr(absa_e2e, "FILES", files)
        return tmp_path

    return put


def test_three_splits(put, monkeypatch) -> None:
    directory = put()
    splits = load_absa(directory)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [2, 1, 1]
    assert splits.train[1].tags == ("S-NEG", "O", "O")
    assert splits.labels == LABELS
    assert set(splits.sha256) == {"train.txt", "valid.txt", "test.txt"}
    monkeypatch.setenv("ELMO_XLSTM_ABSA_E2E", str(directory))
    assert load_absa() == splits


def test_another_file_is_refused(put) -> None:
    directory = put()
    (directory / "valid.txt").write_text("nyaman .####[]\n")
    with pytest.raises(UserError, match=r"valid.txt: not the end-to-end ABSA set's file"):
        load_absa(directory)


def test_a_file_of_another_length_is_refused(put) -> None:
    with pytest.raises(UserError, match=r"train.txt: 2 rows, expected 3000"):
        load_absa(put(rows={"train": 3000}))


def test_a_test_file_without_labels_is_refused(put) -> None:
    with pytest.raises(UserError, match=r"test.txt: every label is 'O': .* masked"):
        load_absa(put(CONTENT | {"test": "air dingin .####[]\n"}))


def test_the_declared_files() -> None:
    assert [(file.path, file.rows) for file in FILES.values()] == [
        ("train.txt", 3000),
        ("dev.txt", 1000),
        ("test.txt", 1000),
    ]
    for file in FILES.values():
        assert len(file.sha256) == 64
        assert REPOSITORY.url(file).startswith("https://raw.githubusercontent.com/rdyzakya/IndoLEGO-ABSA/")
        assert len(file.commit or REPOSITORY.commit) == 40


LINES = "kamar bersih .####[([0], [1], 'POS')]\n\nnyaman .####[([-1], [0], 'POS')]\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "reviews.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_review_is_a_sentence(write, caplog) -> None:
    with caplog.at_level(logging.INFO):
        sentences = AspectTripletReader().read(write(LINES)).examples
    assert [(s.words, s.tags) for s in sentences] == [
        (("kamar", "bersih", "."), ("S-POS", "O", "O")),
        (("nyaman", "."), ("O", "O")),
    ]
    assert sentences[1].origin.endswith("reviews.txt:3")
    assert "2 reviews, 2 triplets, 1 of them implicit" in caplog.text


def test_bad_lines_are_all_named(write) -> None:
    path = write(LINES + "kotor\nbau .####[([5], [0], 'NEG')]\n")
    with pytest.raises(DataError, match="2 problems") as caught:
        AspectTripletReader().read(path)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [f"{path}:4", f"{path}:5"]


def test_bad_lines_are_skipped_where_that_is_asked(write) -> None:
    reading = AspectTripletReader(strict=False).read(write(LINES + "kotor\n"))
    assert (len(reading.examples), reading.skipped, len(reading.problems)) == (2, 1, 1)


def test_a_file_without_reviews_is_refused(write, tmp_path) -> None:
    with pytest.raises(UserError, match="holds no review"):
        AspectTripletReader().read(write("\n\n"))
    with pytest.raises(UserError, match="no such file"):
        AspectTripletReader().read(tmp_path / "none.txt")
