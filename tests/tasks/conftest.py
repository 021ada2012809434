"""A small set of tagged sentences and an experiment on it."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

import tasks.tagging  # noqa: F401 (registers the task)
from elmo_xlstm.config import validate
from tasks.finetuning import FinetuneSettings

PEOPLE = ["Siti", "Budi", "Ani Lestari", "Joko", "Rina Wati", "Tono"]
PLACES = ["Surabaya", "Jakarta", "Bogor", "Kota Batu", "Medan"]
FRAMES = ["{P} tiba di {L} pada pagi hari .", "di {L} , {P} dan {P} makan", "hari yang panjang", "{P} ke rumah"]


def make_sentences(count: int, seed: int) -> list[list[tuple[str, str]]]:
    """Words with their tags: people and places in a few frames."""
    generator = random.Random(seed)
    sentences = []
    for frame in itertools.islice(itertools.cycle(FRAMES), count):
        sentence = []
        for part in frame.split():
            names, kind = {"{P}": (PEOPLE, "PER"), "{L}": (PLACES, "LOC")}.get(part, ([part], ""))
            for position, word in enumerate(generator.choice(names).split()):
                sentence.append((word, f"{'I' if position else 'B'}-{kind}" if kind else "O"))
        sentences.append(sentence)
    return sentences


def write_conll(path: Path, sentences: list[list[tuple[str, str]]]) -> Path:
    blocks = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


STRAY_IN_TRAIN = [("Pak", "O"), ("Joko", "I-PER"), ("Medan", "I-LOC")]
STRAY_IN_TEST = [("Joko", "I-PER"), ("Susilo", "I-PER"), ("makan", "O")]


@pytest.fixture(scope="session")
def ner_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of three column files; train and test have stray I- tags."""
    directory = tmp_path_factory.mktemp("ner")
    sentences = {
        "train": [*make_sentences(24, 1), STRAY_IN_TRAIN],
        "valid": make_sentences(6, 2),
        "test": [STRAY_IN_TEST, *make_sentences(8, 3)],
    }
    return {split: str(write_conll(directory / f"{split}.conll", rows)) for split, rows in sentences.items()}


@pytest.fixture(scope="session")
def ner_experiment(ner_files, model_directory):
    """Makes the plain values of an experiment below a directory, with the language model or without."""

    def make(directory: Path, bilm: bool = True, **task: Any) -> dict[str, Any]:
        head: dict[str, Any] = {
            "characters": {"dim": 6, "filters": 8},
            "words": {"dim": 8, "word_dropout": 0.2},
            "encoder": {"hidden_size": 8, "output_dropout": 0.2},
            "dropout": 0.2,
        }
        values: dict[str, Any] = {
            "model": "bilm" if bilm else "no-bilm",
            "task": {
                "type": "tagging",
                "name": "tiny",
                "dataset": {"type": "conll", **ner_files},
                "head": head,
                **task,
            },
            "trainer": {"epochs": 3, "batch_size": 8, "learning_rate": 0.03},
            "output": str(directory / "run"),
            "results": str(directory / "results"),
        }
        if bilm:
            head["mix"] = {}
            values["embedder"] = {"model": str(model_directory), "store": str(directory / "features")}
        return values

    return make


@pytest.fixture(scope="session")
def ner_settings(ner_experiment):
    """As ``ner_experiment``, validated."""

    def make(directory: Path, bilm: bool = True, **task: Any) -> FinetuneSettings:
        return validate(FinetuneSettings, ner_experiment(directory, bilm, **task))

    return make
