from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.config import evaluate_jsonnet, read_experiment, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.workbench.jsonnet_text import to_jsonnet
from elmo_xlstm.workbench.starting import assign


def task_of(path: str) -> dict[str, Any]:
    return read_experiment(Path(path))["task"]


@pytest.mark.slow
def test_reviews_of_a_spreadsheet(workplace, run) -> None:
    said = run("init", "ulasan.csv")
    task = task_of("ulasan.jsonnet")
    assert task["type"] == "classification" and task["lower_case"]
    expected = {"separator": ";", "text": "ulasan", "label": "sentimen", "on_bad_row": "skip", "train": "ulasan.csv"}
    assert expected.items() <= task["dataset"].items()
    assert "positif 13, negatif 12, netral 6" in said and "3 bad rows" in said and "22 train, 3 valid, 6 test" in said
    twin = validate(FinetuneSettings, read_experiment(Path("ulasan_baseline.jsonnet")))
    assert (twin.model, twin.embedder, twin.task.head.mix) == ("no-bilm", None, None)
    for name in ("ulasan", "ulasan_baseline"):
        run("finetune", f"{name}.jsonnet", "-o", "trainer.epochs=1")
    assert {(r.task, r.model, r.skipped["ulasan.csv"]) for r in load_results(Path("runs/results"))} == {
        ("ulasan", "frozen-bilm", 3),
        ("ulasan", "no-bilm", 3),
    }


@pytest.mark.slow
def test_entities_of_a_column_file(workplace, run) -> None:
    said = run("init", "entitas.conll", "--name", "ner", "--output", "experiments")
    task = task_of("experiments/ner.jsonnet")
    assert task["dataset"]["format"] == {"separator": None, "word_column": 0, "tag_column": 2}
    assert task["head"] == {"scheme": "bio"} and "lower_case" not in task and "B-LOC 6" in said
    run("finetune", "experiments/ner.jsonnet", "-o", "trainer.epochs=1")
    assert load_results(Path("runs/results"))[0].main_metric == "micro_f1"


def test_what_is_there_is_kept(workplace, run) -> None:
    Path("ulasan_baseline.jsonnet").write_text("{}")
    with pytest.raises(UserError, match="ulasan_baseline.jsonnet: is there already"):
        run("init", "ulasan.csv")
    assert not Path("ulasan.jsonnet").exists()
    run("init", "ulasan.csv", "--force")
    assert read_experiment(Path("ulasan_baseline.jsonnet"))["model"] == "no-bilm"


def write_rows(path: str, rows: list[dict[str, Any]]) -> None:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.slow
def test_json_lines_of_lists(workplace, run) -> None:
    rows = [{"id": n, "kata": ["ke", f"Kota{n}", "Batu"], "label": ["O", "B-LOC", "L-LOC"]} for n in range(20)]
    write_rows("train.jsonl", rows)
    write_rows("dev.jsonl", [{"kata": ["di", "Solo"], "label": ["O", "U-LOC"]}] * 3)
    write_rows("test.jsonl", [{"kata": ["di", "Bogor"], "label": ["O", "U-LOC"]}])
    with pytest.raises(UserError, match="unknown label 'S-LOC'|unknown label 'U-LOC'"):
        run("init", "train.jsonl", "dev.jsonl", "test.jsonl", "--name", "tempat")  # no U- in the training data
    write_rows("train.jsonl", [*rows, {"kata": ["di", "Medan"], "label": ["O", "U-LOC"]}])
    run("init", "test.jsonl", "train.jsonl", "dev.jsonl", "--name", "tempat")
    task = task_of("tempat.jsonnet")
    assert task["head"] == {"scheme": "bioes"}
    assert task["dataset"] == {
        "type": "jsonl",
        "words": "kata",
        "tags": "label",
        "label_names": {"L-LOC": "E-LOC", "U-LOC": "S-LOC"},
        "train": "train.jsonl",
        "valid": "dev.jsonl",
        "test": "test.jsonl",
    }
    run("finetune", "tempat.jsonnet", "-o", "trainer.epochs=1")


def labelled(count: int, **columns: Any) -> list[dict[str, Any]]:
    rows = []
    for n in range(count):
        labels = {name: values[n % len(values)] for name, values in columns.items()}
        rows.append({"isi": f"kalimat nomor {n} yang panjang", **labels})
    return rows


LIKED = labelled(12, suka=["ya", "tidak"])


@pytest.mark.slow
def test_parquet(workplace, run) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = labelled(20, bintang=[1, 2, 3], skor=[0.5, 1.25, 3.75, 9.5])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), "nilai.parquet")
    run("init", "nilai.parquet")
    dataset = task_of("nilai.jsonnet")["dataset"]
    assert dataset["data_files"] == {"train": "nilai.parquet"} and (dataset["text"], dataset["label"]) == (
        "isi",
        "bintang",
    )
    run("finetune", "nilai.jsonnet", "-o", "trainer.epochs=1")


def test_pairs_and_aspects(workplace, run) -> None:
    pairs = [
        {"kalimat1": row["isi"], "kalimat2": f"lalu yang lain nomor {n}", "hubungan": row["suka"]}
        for n, row in enumerate(LIKED)
    ]
    write_rows("pasangan.jsonl", pairs)
    run("init", "pasangan.jsonl")
    task = task_of("pasangan.jsonnet")
    assert task["type"] == "pairs" and task["dataset"]["first"] == "kalimat1" and task["dataset"]["label"] == "hubungan"
    write_rows("aspek.ndjson", labelled(12, harga=["baik", "buruk"], rasa=["buruk", "baik", "baik"]))
    run("init", "aspek.ndjson")
    assert task_of("aspek.jsonnet")["dataset"]["aspects"] == ["harga", "rasa"]


def test_questions(workplace, run) -> None:
    row = {"context": "Budi pergi ke Kota Batu pagi ini", "answer": "Kota Batu", "answer_start": 14}
    write_rows("tanya.jsonl", [{"id": n, "question": f"Ke mana {n}?", **row} for n in range(9)])
    run("init", "tanya.jsonl")
    task = task_of("tanya.jsonnet")
    keys = {"question": "question", "passage": "context", "answer": "answer", "start": "answer_start"}
    assert task["type"] == "question" and {"type": "jsonl", **keys}.items() <= task["dataset"].items()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (labelled(12, suka=["ya", "tidak"], warna=["merah", "biru", "hijau"]), (), "several columns look like labels"),
        (labelled(12), (), "1 text column .'isi'. and no label columns"),
        ([{"a": 1.5, "b": "x"}] * 4, (), "no text columns"),
        (LIKED, ("--task", "pairs"), "cannot be taken as pairs"),
        (
            labelled(12, suka=["ya", "tidak"]),
            ("--task", "paris"),
            "--task paris: there is no such; did you mean 'pairs'",
        ),
        (LIKED, ("--label-column", "sukka"), "no column 'sukka'; there are"),
        (
            [{**row, "judul": f"judul yang panjang {n}"} for n, row in enumerate(labelled(12, suka=["a", "b"]))],
            (),
            "texts",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(rows, options, message, workplace, run) -> None:
    write_rows("data.jsonl", rows)
    with pytest.raises(UserError, match=message):
        run("init", "data.jsonl", *options)
    assert not list(workplace.glob("*.jsonnet"))


def test_what_is_said_is_taken(workplace, run) -> None:
    write_rows("data.jsonl", labelled(12, suka=["ya", "tidak"], warna=["merah", "biru", "hijau"]))
    run("init", "data.jsonl", "--label-column", "warna", "--text-column", "isi")
    assert task_of("data.jsonnet")["dataset"]["label"] == "warna"
    lines = [f"{n}|teks yang ke {n}|{'ab'[n % 2]}" for n in range(10)]
    Path("tanpa").write_text("\n".join(lines))
    with pytest.raises(UserError, match="the ending tells no format"):
        run("init", "tanpa")
    run("init", "tanpa", "--format", "csv", "--no-header")
    dataset = task_of("tanpa.jsonnet")["dataset"]
    assert dataset.items() >= {"format": "csv", "separator": "|", "header": False, "text": 1, "label": 2}.items()


def test_tables_without_header_or_with_quotes_in_the_text(workplace, run) -> None:
    Path("kutip.tsv").write_text("".join(f'"ya {n} kali katanya\t{"ab"[n % 2]}\n' for n in range(10)))
    run("init", "kutip.tsv")
    dataset = task_of("kutip.jsonnet")["dataset"]
    assert dataset.items() >= {"quoted": False, "header": False, "text": 0, "label": 1}.items()
    assert "separator" not in dataset


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no|none of"),
        ("satu kata saja\nlagi satu\n", "none of .* makes columns"),
        ('teks,label\n"tidak ditutup,a\nlagi,b\n"baik",b\n', "mend the row's quotes"),
    ],
)
def test_broken_tables(content, message, workplace, run) -> None:
    Path("rusak.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        run("init", "rusak.csv")


def test_column_files_of_other_forms(workplace, run) -> None:
    word = "{n}\t{w}\t{w}\tNOUN\t_\t_\t0\troot\t_\t_\n"
    span = "\t".join(["3-4", "lah", *["_"] * 8]) + "\n"
    sentences = [f"# text = contoh\n{''.join(word.format(n=n, w=f'k{s}{n}') for n in (1, 2))}{span}" for s in range(6)]
    Path("ud.conllu").write_text("\n".join(sentences).replace("NOUN", "VERB", 5))
    run("init", "ud.conllu")
    task = task_of("ud.jsonnet")
    expected = {"id_column": 0, "word_column": 1, "tag_column": 3, "comment": "# "}
    assert expected.items() <= task["dataset"]["format"].items()
    assert task["head"] == {"scheme": "none"} and task["lower_case"]
    Path("biasa.txt").write_text("Ini teks biasa tanpa label\nLalu satu lagi kalimat\n\nYang ini juga begitu adanya\n")
    with pytest.raises(UserError, match="is no column file"):
        run("init", "biasa.txt")


def test_files_by_their_names() -> None:
    paths = [Path("x.test.csv"), Path("x.train.csv.gz"), Path("x-dev.csv")]
    assert assign(paths) == {"train": paths[1], "valid": paths[2], "test": paths[0]}
    assert list(assign([Path("a.csv"), Path("b.csv"), Path("c.csv")])) == ["train", "valid", "test"]
    for unclear in (["a.csv", "b.csv"], ["train1.csv", "train_2.csv"], ["x.test.csv", "y.csv"]):
        with pytest.raises(UserError, match="cannot tell which"):
            assign(list(map(Path, unclear)))


def test_text_of_values(tmp_path) -> None:
    values = {
        "a-b": 'it\'s "so" \\ \n \u2028 😊',
        "local": [1, 2.5, None, True, {}],
        "lang": {f"k{n}": ["x" * 20] * 3 for n in range(4)},
        "": {"x": []},
    }
    (tmp_path / "x.jsonnet").write_text(to_jsonnet(values), encoding="utf-8")
    assert evaluate_jsonnet(tmp_path / "x.jsonnet") == values
