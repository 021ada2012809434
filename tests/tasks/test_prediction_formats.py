from __future__ import annotations

import csv
import datetime
import io
import json
import math

import pytest
from rich.console import Console

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.prediction_formats import last_whole_row, make_writer, output_format

TAGGED = {
    "row": 3,
    "id": "a,7",
    "words": ["Siti", "di", "Kota Batu"],
    "tags": ["B-PER", "O", "B-LOC"],
    "spans": [{"type": "PER", "start": 0, "end": 1, "text": "Siti"}],
    "text": 'Siti di\n"Kota Batu"',
    "scores": [0.9, 1.0, 0.5],
    "mentions": [
        {"type": "PER", "start": 0, "end": 4, "text": "Siti", "score": 0.9},
        {"type": "LOC", "start": 9, "end": 18, "text": "Kota Batu", "score": 0.5},
    ],
}
LABELLED = {"row": 1, "text": "bagus", "label": "pos", "probabilities": {"pos": 0.75, "neg": 0.25}, "score": 0.75}
ASPECTS = {"row": 2, "text": "bagus", "labels": {"harga": "pos"}, "scores": {"harga": 0.75}}


def written(form: str, *rows, begun=None) -> str:
    writer = make_writer(form, Console(no_color=True), begun)
    return "".join(map(writer, rows))


def test_json_lines_hold_all(tmp_path) -> None:
    assert [json.loads(line) for line in written("jsonl", TAGGED, LABELLED).splitlines()] == [TAGGED, LABELLED]


def test_what_json_has_no_word_for_is_text_or_nothing() -> None:
    odd = {"row": 1, "day": datetime.date(2024, 5, 1), "value": math.nan}
    assert json.loads(written("jsonl", odd)) == {"row": 1, "day": "2024-05-01", "value": None}


def test_tables_have_a_column_for_each_probability_and_json_in_cells_of_lists() -> None:
    (row,) = csv.DictReader(io.StringIO(written("csv", LABELLED)))
    assert row == {
        "row": "1",
        "text": "bagus",
        "label": "pos",
        "probabilities.pos": "0.75",
        "probabilities.neg": "0.25",
        "score": "0.75",
    }
    first, second = csv.DictReader(io.StringIO(written("csv", TAGGED, {**TAGGED, "row": 4})))
    assert json.loads(first["mentions"]) == TAGGED["mentions"] and first["id"] == "a,7" and second["row"] == "4"
    with pytest.raises(UserError, match="row 1: has 'label', which the first row"):
        written("csv", TAGGED, LABELLED)


def test_column_files_keep_the_columns_and_put_the_tags_last() -> None:
    text = written("conll", {**TAGGED, "columns": [["B-X"], ["O"], ["O"]]})
    comments, lines = (
        '# row = 3\n# id = a,7\n# text = Siti di "Kota Batu"\n',
        "Siti\tB-X\tB-PER\ndi\tO\tO\nKota Batu\tO\tB-LOC\n",
    )
    assert text == comments + lines + "\n"
    with pytest.raises(UserError, match="--format conll is for tags"):
        written("conll", LABELLED)


def test_people_see_what_was_found() -> None:
    assert written("view", TAGGED) == '3: Siti[PER 90 %] di\n"Kota Batu[LOC 50 %]"\n'
    assert written("view", LABELLED, ASPECTS) == "1: pos 75 %  bagus\n2: harga: pos 75 %  bagus\n"
    plain = {**TAGGED, "mentions": [], "spans": [], "text": "a\x1b[2J"}
    assert written("view", plain) == "3: Siti/B-PER di/O Kota Batu/B-LOC \n"


@pytest.mark.parametrize("form", ["jsonl", "csv", "conll"])
def test_a_file_goes_on_after_its_last_whole_row_wherever_it_was_cut(tmp_path, form: str) -> None:
    path = tmp_path / "out"
    rows = [{**TAGGED, "row": number} for number in (2, 5, 6)]
    whole = written(form, *rows).encode()
    ends = {len(written(form, *rows[:count]).encode()): rows[count - 1]["row"] for count in (1, 2, 3)}
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        end, number = last_whole_row(path, form)
        assert number == max((n for place, n in ends.items() if place <= cut), default=0)
        assert end == max((place for place in ends if place <= cut), default=0) or (form == "csv" and number == 0)
        left = [row for row in rows if row["row"] > number]
        assert whole[:end] + written(form, *left, begun=path if end else None).encode() == whole


def test_other_files_are_not_gone_on_with(tmp_path) -> None:
    path = tmp_path / "out"
    for form, content in (("jsonl", "{}\n"), ("jsonl", "Siti\n"), ("csv", "a,b\n1,2\n"), ("conll", "Siti\tO\n\n")):
        path.write_text(content)
        with pytest.raises(UserError, match=f"holds no predictions as {form}"):
            last_whole_row(path, form)
    with pytest.raises(UserError, match="a view cannot be gone on with"):
        last_whole_row(path, "view")


def test_formats_are_known_by_names(tmp_path) -> None:
    assert output_format(tmp_path / "a.CSV", None) == "csv" and output_format(tmp_path / "a", None) == "jsonl"
    assert output_format(None, None) == "jsonl" and output_format(None, "view") == "view"
    with pytest.raises(UserError, match="--format xml: expected jsonl, csv, conll, view"):
        output_format(None, "xml")
