"""Prediction by trained heads, for every input that its readers let through."""

from __future__ import annotations

import json
import logging
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elmo_xlstm.config import validate
from tasks.finetuning import FinetuneSettings, FinishedRun, run_finetuning
from tasks.registry import register_tasks

register_tasks()

PIECES = [
    *("Siti", "di", "\u200b", "\u200d", "\u0301", "e\u0301" * 20, "👩‍👩‍👧", "🇮🇩", "مرحبا", "שלום", "\u202eabc"),
    *("\u2028", "\x85", "\x1b[2J", "a" * 500, "9" * 400),
    *("1e999", "[SEP]", "[PAD]", "<unk>", "</s>", "#", "\x0c", "\u00ad"),
    *("\ufeff", "\ufffd", "漢字", "\U0010ffff", "\u0130", "ß", "ﬁ", "\u1e9e", "ǆ", "\u0345", "%s", "\\", '"', "'"),
    *("\x7f", "\x00", "\ue000", "\U000e0041", "½", "٣", "x\u0000y"),
]  # fmt: skip
HALF_A_MILLION_WORDS = ("mark of a megabyte", "nested lists", "nested objects")
"""Each mark is one: they take half a minute, which is as fast as any other words are tagged."""
SENTENCES = [("Siti tiba di Bogor", "B-PER O O B-LOC"), ("hari ini", "O O"), ("Budi makan", "B-PER O"), ("ya", "O")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> dict[str, FinishedRun]:
    """Heads of three kinds, trained a little, with all that they can read words by."""
    home = tmp_path_factory.mktemp("runs")
    (home / "tags.jsonl").write_text(
        "".join(json.dumps({"words": w.split(), "tags": t.split()}) + "\n" for w, t in SENTENCES * 3)
    )
    (home / "texts.jsonl").write_text(
        "".join(
            json.dumps({"text": w, "first": w, "second": "ya", "label": str(len(w) > 9)}) + "\n" for w, _ in SENTENCES
        )
    )
    data = {name: str(home / "tags.jsonl") for name in ("train", "valid", "test")}
    texts = {name: str(home / "texts.jsonl") for name in ("train", "valid", "test")}
    head: dict[str, Any] = {"mix": {}, "words": {"dim": 4}, "encoder": {"hidden_size": 4}}
    tasks: dict[str, Any] = {
        "tagging": {"dataset": {"type": "jsonl", **data}, "head": {**head, "characters": {"dim": 4, "filters": 4}}},
        "classification": {"dataset": {"type": "files", **texts}, "head": head},
        "pairs": {"dataset": {"type": "files", **texts}, "head": head},
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


def test_two_thousand_sentences(runs: dict[str, FinishedRun], tmp_path: Path) -> None:
    chance = random.Random(3)
    sentences = [
        ["".join(chance.choices(PIECES, k=chance.randint(1, 3))) for _ in range(chance.randint(1, 6))]
        for _ in range(2000)
    ]
    sentences = [[word for word in words if word.strip()] or ["ya"] for words in sentences]
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps({"words": words}) + "\n" for words in sentences))
    rows = [json.loads(line) for line in predicted(runs["tagging"])(path)]
    assert [row["words"] for row in rows] == sentences
    assert all(len(row["tags"]) == len(row["words"]) for row in rows)


@pytest.mark.parametrize("kind", ["classification", "pairs"])
def test_a_thousand_texts(runs: dict[str, FinishedRun], tmp_path: Path, kind: str) -> None:
    chance = random.Random(4)
    texts = [" ".join(["kata", *chance.choices(PIECES, k=4)]) for _ in range(1000)]
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps({"text": t, "first": t, "second": t[::-1]}) + "\n" for t in texts))
    rows = [json.loads(line) for line in predicted(runs[kind])(path)]
    assert len(rows) == 1000 and all(row["label"] in ("True", "False") for row in rows)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("tagging", ".txt"), ("tagging", ".jsonl"), ("classification", ".jsonl"), ("pairs", ".txt"), ("pairs", ".jsonl")],
)
def test_nasty_files(
    runs: dict[str, FinishedRun], end_well: Any, cases: Any, tmp_path: Path, kind: str, suffix: str
) -> None:
    valid = {
        ".txt": b"Siti\tdi Bogor\nhari ini\tya\n",
        ".jsonl": b'{"text": "Siti di Bogor", "first": "Siti", "second": "ya"}\n' * 2,
    }[suffix]
    path, outcomes = tmp_path / f"input{suffix}", set()
    for name, content in cases(valid, count=0):
        if name in HALF_A_MILLION_WORDS:
            continue
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
