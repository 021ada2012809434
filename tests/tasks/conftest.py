"""Small data sets of each kind, and experiments on them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from elmo_xlstm.config import Settings, validate
from elmo_xlstm.tasks.data.examples import Splits
from elmo_xlstm.tasks.data.readers.table import TableReader
from elmo_xlstm.tasks.data.registries import aspect_datasets, classification_datasets, pair_datasets
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.registry import register_tasks

register_tasks()

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


LABELS = ("pos", "neg", "none")
ASPECTS = ("makanan", "layanan")
SAID = {"pos": "enak", "neg": "buruk", "none": "biasa"}


class MadeUp(Settings):
    """Labelled texts below a directory, made by the tests."""

    type: Literal["made-up"] = "made-up"
    directory: Path
    texts: tuple[str, ...] = ("text",)
    columns: tuple[str, ...] = ("label",)
    aspects: tuple[str, ...] = ()

    def load(self) -> Splits:
        names = ("train", "valid", "test")
        splits = {name: self.reader().read(self.directory / f"{name}.csv", LABELS).examples for name in names}
        return Splits(**splits, labels=LABELS, sha256={f"{n}.csv": "f00d" for n in names}, aspects=self.aspects)

    def reader(self) -> TableReader:
        return TableReader(text_columns=self.texts, label_columns=self.columns)


for registry in (classification_datasets, aspect_datasets, pair_datasets):
    registry.register("made-up")(MadeUp)

KINDS: dict[str, dict[str, Any]] = {
    "classification": {},
    "aspects": {"columns": ASPECTS, "aspects": ASPECTS},
    "pairs": {"texts": ("one", "other")},
}


def write_labelled(path: Path, kind: str, count: int, seed: int) -> None:
    """What is said of food and service; of pairs the label is the second text's word for food."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        labels = [LABELS[number % 3], generator.choice(LABELS)]
        text = f"hari {number} {ASPECTS[0]} {SAID[labels[0]]} {ASPECTS[1]} {SAID[labels[1]]}"
        texts = {"pairs": [f"hari {number}", text]}.get(kind, [text])
        rows.append([*texts, *(labels if kind == "aspects" else labels[:1])])
    header = [*KINDS[kind].get("texts", ["text"]), *KINDS[kind].get("columns", ["label"])]
    path.write_text("".join(",".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")


@pytest.fixture(scope="session")
def labelled_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A directory of three CSV files for each kind of task on labelled texts."""
    directories = {}
    for kind in KINDS:
        directories[kind] = tmp_path_factory.mktemp(kind)
        for seed, (split, count) in enumerate({"train": 36, "valid": 9, "test": 12}.items()):
            write_labelled(directories[kind] / f"{split}.csv", kind, count, seed)
    return directories


@pytest.fixture(scope="session")
def labelled_settings(labelled_files, model_directory):
    """Makes an experiment of a kind below a directory, with the language model or without."""

    def make(kind: str, directory: Path, bilm: bool = True, **task: Any) -> FinetuneSettings:
        head: dict[str, Any] = {
            "words": {"dim": 8, "word_dropout": 0.1},
            "encoder": {"hidden_size": 6, "output_dropout": 0.1},
            "dropout": 0.1,
            "output_dropout": 0.1,
        }
        values: dict[str, Any] = {
            "model": "bilm" if bilm else "no-bilm",
            "task": {
                "type": kind,
                "name": "tiny",
                "dataset": {"type": "made-up", "directory": str(labelled_files[kind]), **KINDS[kind]},
                "head": head,
                **task,
            },
            "trainer": {"epochs": 6, "batch_size": 6, "learning_rate": 0.03},
            "output": str(directory / "run"),
            "results": str(directory / "results"),
        }
        if bilm:
            head["mix"] = {}
            values["embedder"] = {"model": str(model_directory), "store": str(directory / "features")}
        return validate(FinetuneSettings, values)

    return make


@pytest.fixture
def crash_in_second_validation(monkeypatch):
    """A context in which a model class's second round of predictions ends in a power cut, which must come."""

    @contextmanager
    def crashing(model_class: type[TaskModel]) -> Iterator[None]:
        predict, calls = model_class.predict, []

        def crash(self, *arguments):
            calls.append(1)
            if len(calls) == 2:
                raise RuntimeError("power cut")
            return predict(self, *arguments)

        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
            patch.setattr(model_class, "predict", crash)
            yield

    return crashing
