from __future__ import annotations

import json
from pathlib import Path

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import LabelledText
from elmo_xlstm.tasks.data.readers.rows import labelled_row
from elmo_xlstm.tasks.data.user_data.answered import AnsweredFiles
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks

PASSAGE = "Budi pergi ke Kota Batu. Budi lalu pulang, kata Siti."


def write(path: Path, *rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(tmp_path: Path, *rows, **settings):
    path = write(tmp_path / "tanya.jsonl", *rows)
    values = {"train": str(path), "valid_fraction": 0.3, "test_fraction": 0.3, **settings}
    return validate(AnsweredFiles, values).reader().read(path).examples


def row(answer, **more):
    return {"question": "Siapa pergi?", "passage": PASSAGE, "answer": answer, **more}


def answer_of(example) -> list[str]:
    return [f"{n}{word}" for n, (word, tag) in enumerate(zip(example.passage, example.tags, strict=True)) if tag != "O"]


def test_answers_are_found_among_the_words(tmp_path) -> None:
    examples = read(tmp_path, row("Budi"), row("Kota Batu"), row(""), row(["Siti"]))
    assert [answer_of(example) for example in examples] == [["0Budi"], ["3Kota", "4Batu"], [], ["11Siti"]]
    assert examples[1].tags[3:5] == ("B", "I") and examples[0].question == ("Siapa", "pergi", "?")


def test_where_an_answer_begins(tmp_path) -> None:
    (example,) = read(tmp_path, row("Budi", awal=PASSAGE.rindex("Budi")), start="awal")
    assert answer_of(example) == ["6Budi"]
    with pytest.raises(UserError, match="'Budi' is not there"):
        read(tmp_path, row("Budi", awal=3), start="awal")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("Rina"), "'Rina' is not there among the words"),
        ({"question": "x", "passage": "y"}, "no key 'answer'"),
        (row(7), "answer is a list of texts"),
        (row("Budi", awal="x"), "number of a character"),
    ],
)
def test_bad_rows_are_named(bad, message, tmp_path) -> None:
    with pytest.raises(UserError, match=f"tanya.jsonl:2: .*{message}"):
        read(tmp_path, row("Budi"), bad, start="awal")


def test_a_task_of_ones_own_questions(tmp_path, make_rows) -> None:
    register_tasks()
    rows = [
        {"question": q, "passage": p, "answer": [w for w, t in zip(p, tags, strict=True) if t != "O"]}
        for q, p, tags in make_rows(30, 1)
    ]
    dataset = {"type": "jsonl", "train": str(write(tmp_path / "x.jsonl", *rows)), "valid_fraction": 0.2, "folds": 3}
    values = {"task": {"type": "question", "name": "tanya", "dataset": dataset, "head": {"words": {}}}}
    task = validate(FinetuneSettings, values).build_task(None)
    assert task.prepare()["labels"] == 3 and task.space.labels == ("O", "B", "I")


def test_words_of_a_list_are_kept_as_they_are() -> None:
    found = labelled_row({"teks": ["anak-anak,", " Kota Batu "]}, {"label": 1}, {}, None, "x:1")
    assert found.words == (("anak-anak,", "Kota Batu"),) and found.in_words and found.texts == ("anak-anak, Kota Batu",)
    assert not LabelledText.of_texts(["a b"], None, "x").in_words
    with pytest.raises(ValueError, match="one text is a list of words"):
        labelled_row({"a": ["x"], "b": "y"}, {}, {}, None, "x:1")
    for bad, message in (([], "empty text"), (["x", ""], "place 2 of 'a'"), ([1], "found a number")):
        with pytest.raises(ValueError, match=message):
            labelled_row({"a": bad}, {}, {}, None, "x:1")
