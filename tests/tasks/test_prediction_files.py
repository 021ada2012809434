from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.interruption import Interrupted
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks import predict, prediction_files
from elmo_xlstm.tasks.finetuning import run_finetuning
from elmo_xlstm.tasks.new_examples import InputFiles
from elmo_xlstm.tasks.prediction_files import PredictionFile, predict_to_file


@pytest.fixture(scope="module")
def tagger(ner_settings, tmp_path_factory) -> str:
    return finished(ner_settings(tmp_path_factory.mktemp("ner"), bilm=False))


@pytest.fixture(scope="module")
def classifier(labelled_settings, tmp_path_factory) -> str:
    return finished(labelled_settings("classification", tmp_path_factory.mktemp("labels"), bilm=False))


def finished(settings: Any) -> str:
    with open_run(settings.directory, settings):
        run_finetuning(settings, settings.directory, "python cli.py finetune tiny.jsonnet")
    return str(settings.directory)


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "in.csv"
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "ulasan", "label"])
        rows.writerows([f"n{number}", f'Siti ke "{"kota, " * (number % 5)}" Bogor', "x"] for number in range(30))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_row_has_one_with_its_number_and_its_other_columns(classifier, table, tmp_path) -> None:
    output = tmp_path / "out.jsonl"
    inputs = InputFiles([table], columns=["ulasan"])
    assert predict_to_file(classifier, inputs, PredictionFile(output)) == 30
    rows = lines(output)
    assert [(row["row"], row["id"]) for row in rows] == [(number + 1, f"n{number}") for number in range(30)]
    assert all(row["input_label"] == "x" and row["label"] in row["probabilities"] for row in rows)
    predict_to_file(classifier, inputs, PredictionFile(tmp_path / "out.csv"), top_k=1)
    with open(tmp_path / "out.csv", newline="") as file:
        for row, other in zip(csv.DictReader(file), rows, strict=True):
            assert (row["id"], row["label"], row["input_label"]) == (other["id"], other["label"], "x")
            assert [label["label"] for label in json.loads(row["top"])] == [other["label"]]


def test_all_formats_of_the_same_texts_are_answered_alike(tagger, tmp_path) -> None:
    texts = ["Siti tiba di Bogor .", "hari ini", "Budi ke Kota Batu"]
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text in texts))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts))
    (tmp_path / "in.conll").write_text("\n\n".join("\n".join(text.split()) for text in texts) + "\n")
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "in.parquet")
    found = []
    for form in ("txt", "jsonl", "csv", "conll", "parquet"):
        predict_to_file(tagger, InputFiles([tmp_path / f"in.{form}"]), PredictionFile(tmp_path / f"{form}.jsonl"))
        found.append(lines(tmp_path / f"{form}.jsonl"))
    assert all(rows == found[0] for rows in found) and [row["text"] for row in found[0]] == texts


def test_columns_of_our_names_get_another(tagger, tmp_path) -> None:
    (tmp_path / "in.jsonl").write_text('{"row": "x", "tags": 3, "words": ["a", "b"]}\n')
    predict_to_file(tagger, InputFiles([tmp_path / "in.jsonl"]), PredictionFile(tmp_path / "out.jsonl"))
    (row,) = lines(tmp_path / "out.jsonl")
    assert (row["row"], row["input_row"], row["input_tags"]) == (1, "x", 3) and len(row["tags"]) == 2


def test_bad_rows_are_refused_before_anything_is_written_or_left_out(tagger, tmp_path, caplog) -> None:
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text('{"id": 1, "text": "satu"}\n{"id": 2}\n{"id": 3, "text": "tiga"}\n')
    with pytest.raises(UserError, match=r"in.jsonl:2: no 'text'"):
        predict_to_file(tagger, InputFiles([path]), PredictionFile(output))
    assert not output.exists()
    assert predict_to_file(tagger, InputFiles([path], skip=True), PredictionFile(output)) == 2
    assert [(row["row"], row["id"]) for row in lines(output)] == [(1, 1), (3, 3)]
    assert caplog.text.count("in.jsonl:2") == 1 and "1 skipped" in caplog.text


def test_rows_of_several_files_are_numbered_on(tagger, tmp_path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("satu\n\ntiga\n")
    output = tmp_path / "out.jsonl"
    predict_to_file(tagger, InputFiles([tmp_path / "a.txt", tmp_path / "b.txt"]), PredictionFile(output))
    assert [(row["row"], Path(row["file"]).name) for row in lines(output)] == [
        (1, "a.txt"),
        (3, "a.txt"),
        (4, "b.txt"),
        (6, "b.txt"),
    ]


@pytest.mark.parametrize("form", ["jsonl", "csv", "conll"])
def test_what_was_interrupted_is_gone_on_with_to_the_same_bytes(tagger, table, tmp_path, monkeypatch, form) -> None:
    monkeypatch.setattr(predict, "CHUNK_EXAMPLES", 7)
    inputs, whole, output = InputFiles([table], columns=["ulasan"]), tmp_path / f"w.{form}", tmp_path / f"o.{form}"
    predict_to_file(tagger, inputs, PredictionFile(whole))
    make = prediction_files.make_writer
    seen: list[int] = []

    def make_stopping(*arguments):
        write = make(*arguments)

        def stopping(row):
            if row["row"] == 17:
                raise KeyboardInterrupt
            seen.append(row["row"])
            return write(row)

        return stopping

    monkeypatch.setattr(prediction_files, "make_writer", make_stopping)
    with pytest.raises(Interrupted) as ended:
        predict_to_file(tagger, inputs, PredictionFile(output))
    assert ended.value.resumable and not output.exists()
    partial = Path(f"{output}.partial")
    partial.write_bytes(partial.read_bytes()[:-5])  # cut within a row
    monkeypatch.setattr(prediction_files, "make_writer", make)
    written = predict_to_file(tagger, inputs, PredictionFile(output, resume=True))
    assert output.read_bytes() == whole.read_bytes() and not partial.exists() and written == 15
    with pytest.raises(UserError, match="is complete"):
        predict_to_file(tagger, inputs, PredictionFile(output, resume=True))


def test_standard_output_takes_rows_and_has_no_end_to_go_on_from(tagger, tmp_path, capsys) -> None:
    (tmp_path / "in.txt").write_text("satu\n")
    assert predict_to_file(tagger, InputFiles([tmp_path / "in.txt"]), PredictionFile(None, "view")) == 1
    assert capsys.readouterr().out.startswith("1: ")
    with pytest.raises(UserError, match="name it with --output"):
        predict_to_file(tagger, InputFiles([tmp_path / "in.txt"]), PredictionFile(None, resume=True))
