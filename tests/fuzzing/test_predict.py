"""Prediction by trained heads of every kind, for all that their readers let through."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.tasks.data import indonlu
from elmo_xlstm.tasks.data.repository import DataFile
from elmo_xlstm.tasks.finetuning import FinetuneSettings, run_finetuning
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.registry import register_tasks

register_tasks()

PIECES = [
    *("Siti", "di", "\u200b", "\u200d", "\u0301", "e\u0301" * 20, "👩‍👩‍👧", "🇮🇩", "مرحبا", "שלום", "\u202eabc"),
    *("\u2028", "\x85", "\x1b[2J", "a" * 500, "9" * 400),
    *("1e999", "[SEP]", "[PAD]", "<unk>", "</s>", "#", "\x0c", "\u00ad"),
    *("\ufeff", "\ufffd", "漢字", "\U0010ffff", "\u0130", "ß", "ﬁ", "\u1e9e", "ǆ", "\u0345", "%s", "\\", '"', "'"),
    *("\x7f", "\x00", "\ue000", "\U000e0041", "½", "٣", "x\u0000y"),
]  # fmt: skip
SENTENCES = [("Siti tiba di Bogor", "B-PER O O B-LOC"), ("hari ini", "O O"), ("Budi makan", "B-PER O"), ("ya", "O")]


QUESTIONS = [("siapa tiba ?", "Siti tiba di Bogor", "B O O O"), ("di mana ?", "Budi di Kota Batu", "O O B I")]


@pytest.fixture(scope="module")
def facqa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with three files in place of FacQA's, declared."""
    directory = tmp_path_factory.mktemp("facqa")
    rows = [",".join(f'"{part.split()}"' for part in row) for row in QUESTIONS * 3]
    content = "\n".join(["question,passage,seq_label", *rows, ""]).encode()
    files = {}
    for split in ("train", "valid", "test"):
        files[split] = DataFile(f"facqa/{split}.csv", len(rows), hashlib.sha256(content).hexdigest())
        (directory / "facqa").mkdir(exist_ok=True)
        (directory / files[split].path).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        declared = dataclasses.replace(indonlu.DATASETS["facqa"], files=files)
        patch.setitem(indonlu.DATASETS, "facqa", declared)
        yield directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, model_directory: Path, facqa: Path) -> dict[str, FinishedRun]:
    """Heads of all kinds, trained a little, with all that they can read words by."""
    home = tmp_path_factory.mktemp("runs")
    (home / "tags.jsonl").write_text(
        "".join(json.dumps({"words": w.split(), "tags": t.split()}) + "\n" for w, t in SENTENCES * 3)
    )
    labels = [str(len(words) > 9) for words, _ in SENTENCES]
    rows = [
        {"text": words, "first": words, "second": "ya", "label": label, "fuel": label, "price": "True"}
        for (words, _), label in zip(SENTENCES, labels, strict=True)
    ]
    (home / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {name: str(home / "tags.jsonl") for name in ("train", "valid", "test")}
    texts = {name: str(home / "texts.jsonl") for name in ("train", "valid", "test")}
    head: dict[str, Any] = {"mix": {}, "words": {"dim": 4}, "encoder": {"hidden_size": 4}}
    tasks: dict[str, Any] = {
        "tagging": {"dataset": {"type": "jsonl", **data}, "head": {**head, "characters": {"dim": 4, "filters": 4}}},
        "classification": {"dataset": {"type": "files", **texts}, "head": head},
        "pairs": {"dataset": {"type": "files", **texts}, "head": head},
        "aspects": {"dataset": {"type": "files", **texts, "aspects": ["fuel", "price"]}, "head": head},
        "question": {
            "dataset": {"type": "indonlu", "location": {"data_dir": str(facqa)}},
            "head": {**head, "passage_encoder": {"hidden_size": 4}},
        },
    }
    finished = {}
    for kind, task in tasks.items():
        values = {
            "model": "x",
            "task": {"type": kind, "name": kind, **task},
            "embedder": {"model": str(model_directory), "store": str(home / "store")},
            "trainer": {"epochs": 1},
            "output": str(home / kind),
            "results": str(home / "results"),
        }
        (home / kind).mkdir()
        chosen = validate(FinetuneSettings, values)
        (home / kind / "config.json").write_text(json.dumps(chosen.model_dump(mode="json")))
        logging.disable(logging.WARNING)
        run_finetuning(chosen, home / kind, "test")
        logging.disable(logging.NOTSET)
        finished[kind] = FinishedRun(home / kind)
    return finished


def predicted(run: FinishedRun) -> Callable[[Path], list[bytes]]:
    """The lines that the command prints."""
    return lambda path: [json.dumps(row, ensure_ascii=False).encode() for row in run.predict(path)]


def some_words(chance: random.Random, most: int) -> list[str]:
    """One to ``most`` words made of odd pieces."""
    words = ["".join(chance.choices(PIECES, k=chance.randint(1, 3))) for _ in range(chance.randint(1, most))]
    return [word for word in words if word.strip()] or ["ya"]


def predictions(run: FinishedRun, path: Path, inputs: list[dict[str, Any]]) -> list[Any]:
    path.write_text("".join(json.dumps(row) + "\n" for row in inputs))
    rows = [json.loads(line) for line in predicted(run)(path)]
    assert len(rows) == len(inputs)
    return rows


def test_two_thousand_sentences(runs: dict[str, FinishedRun], case_count: int, tmp_path: Path) -> None:
    chance = random.Random(3)
    sentences = [some_words(chance, 6) for _ in range(case_count)]
    rows = predictions(runs["tagging"], tmp_path / "input.jsonl", [{"words": words} for words in sentences])
    assert [row["words"] for row in rows] == sentences
    assert all(len(row["tags"]) == len(row["words"]) for row in rows)


@pytest.mark.parametrize("kind", ["classification", "pairs", "aspects"])
def test_two_thousand_texts(runs: dict[str, FinishedRun], case_count: int, tmp_path: Path, kind: str) -> None:
    chance = random.Random(4)
    texts = [" ".join(["kata", *chance.choices(PIECES, k=4)]) for _ in range(case_count)]
    inputs = [{"text": text, "first": text, "second": text[::-1]} for text in texts]
    for row in predictions(runs[kind], tmp_path / "input.jsonl", inputs):
        labels = row["labels"] if kind == "aspects" else {"": row["label"]}
        assert labels.keys() == ({"fuel", "price"} if kind == "aspects" else {""})
        assert set(labels.values()) <= {"True", "False"}


def test_two_thousand_questions(runs: dict[str, FinishedRun], case_count: int, tmp_path: Path) -> None:
    chance = random.Random(5)
    inputs = [{"question": some_words(chance, 3), "passage": some_words(chance, 5)} for _ in range(case_count)]
    for row, asked in zip(predictions(runs["question"], tmp_path / "input.jsonl", inputs), inputs, strict=True):
        assert row["passage"] == asked["passage"] and len(row["tags"]) == len(asked["passage"])


FILES_OF_A_HEAD = 200
"""Besides the readers' own two thousand: these go all the way through a head, which costs more."""


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("tagging", ".txt"),
        ("tagging", ".jsonl"),
        ("classification", ".jsonl"),
        ("pairs", ".txt"),
        ("pairs", ".jsonl"),
        ("aspects", ".jsonl"),
        ("question", ".jsonl"),
    ],
)
def test_nasty_files(
    runs: dict[str, FinishedRun], end_well: Any, cases: Any, tmp_path: Path, kind: str, suffix: str
) -> None:
    row = {"text": "Siti di Bogor", "first": "Siti", "second": "ya", "question": "siapa ?", "passage": "Siti di Bogor"}
    valid = {".txt": b"Siti\tdi Bogor\nhari ini\tya\n", ".jsonl": json.dumps(row).encode() + b"\n"}[suffix]
    path, outcomes = tmp_path / f"input{suffix}", set()
    for name, content in cases(valid, count=FILES_OF_A_HEAD):
        path.write_bytes(content)
        outcomes.add(end_well(predicted(runs[kind]), path, f"{kind}: {name}"))
    assert outcomes == {"result", "error"}


def test_large_inputs(runs: dict[str, FinishedRun], tmp_path: Path) -> None:
    """A word of a megabyte and a sentence of 20,000 words, whole, in memory that is measured."""
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps({"words": ["a" * 2**20, "di"]}) + "\n" + json.dumps({"words": ["di"] * 20_000}) + "\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = list(runs["tagging"].predict(path))
    assert [len(row["tags"]) for row in rows] == [2, 20_000]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1.5 * 2**20  # KiB
    assert torch.is_grad_enabled()
