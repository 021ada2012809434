from __future__ import annotations

import logging

import pytest

from elmo_xlstm.errors import UserError
from tasks.absa_e2e import AspectTripletReader
from tasks.readers.problems import DataError

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
        sentences = AspectTripletReader().read(write(LINES)).sentences
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
    assert (len(reading.sentences), reading.skipped, len(reading.problems)) == (2, 1, 1)


def test_a_file_without_reviews_is_refused(write, tmp_path) -> None:
    with pytest.raises(UserError, match="holds no review"):
        AspectTripletReader().read(write("\n\n"))
    with pytest.raises(UserError, match="no such file"):
        AspectTripletReader().read(tmp_path / "none.txt")
