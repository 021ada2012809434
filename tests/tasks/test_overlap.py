from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks import overlap as overlap_module
from elmo_xlstm.tasks.data import indonlu
from elmo_xlstm.tasks.data.indonlu import Dataset
from elmo_xlstm.tasks.data.repository import DataFile
from elmo_xlstm.tasks.overlap import (
    EvaluationText,
    evaluation_texts,
    measure_overlap,
    write_evaluation_texts,
    write_overlap_report,
)
from elmo_xlstm.text.corpus import CorpusConfig
from elmo_xlstm.text.overlap import PassageIndex

FILES: dict[str, tuple[str, int, str, dict[str, Any]]] = {
    "smsa": (".tsv", 2, 'makan "enak sekali\tpositive\nbiasa\tneutral\n', {"labels": ("positive", "neutral")}),
    "emot": (
        ".csv",
        2,
        'label,tweet\nanger,"kesal\nsekali, ya"\nlove,biasa\n',
        {"labels": ("anger", "love"), "texts": ("tweet",)},
    ),
    "wrete": (
        ".csv",
        2,
        "sent_A,sent_B,category,label\nsatu dua,tiga,x,no\ntiga,satu dua,,yes\n",
        {"labels": ("no", "yes"), "texts": ("sent_A", "sent_B")},
    ),
    "facqa": (
        ".csv",
        1,
        """question,passage,seq_label\n"['Apa', '?']","['Ini', ',', 'itu']","['O', 'B', 'O']"\n""",
        {"labels": ("O", "B")},
    ),
    "nerp": (".txt", 2, "Budi\tB-PPL\nkerja sama\tO\n\nia\tO\n", {"labels": ("O", "B-PPL")}),
}
KINDS = {"smsa": "classification", "emot": "classification", "wrete": "pair", "facqa": "question", "nerp": "tagging"}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Five tasks of one or two examples in place of the real table."""
    table = {}
    for name, (suffix, rows, content, values) in FILES.items():
        path = tmp_path / "data" / f"{name}{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        file = DataFile(path.name, rows, hashlib.sha256(content.encode()).hexdigest())
        files = {split: file for split in indonlu.SPLITS}
        table[name] = Dataset(name=name, kind=KINDS[name], files=files, **values)
    for module in (indonlu, overlap_module):
        monkeypatch.setattr(module, "DATASETS", table)
    monkeypatch.setattr(overlap_module, "ABSA", "nerp")
    monkeypatch.setattr(overlap_module, "load_absa", lambda: indonlu.load("nerp"))
    monkeypatch.setenv("ELMO_XLSTM_INDONLU", str(tmp_path / "data"))


def test_texts_of_all_kinds_of_tasks(benchmark: None) -> None:
    texts = [(text.task, text.row, text.text) for text in evaluation_texts(["test"])]
    assert texts[:6] == [
        ("smsa", 1, 'makan "enak sekali'),
        ("smsa", 2, "biasa"),
        ("emot", 1, "kesal sekali, ya"),
        ("emot", 2, "biasa"),
        ("wrete", 1, "satu dua"),
        ("wrete", 1, "tiga"),
    ]
    assert ("facqa", 1, "Apa ?") in texts
    assert ("nerp", 1, "Budi kerja sama") in texts
    assert {text.split for text in evaluation_texts()} == {"valid", "test"}


def test_each_distinct_text_is_a_line(benchmark: None, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    assert write_evaluation_texts(path) == len(path.read_text().splitlines()) == 9


def config(tmp_path: Path, exclude: bool) -> CorpusConfig:
    (tmp_path / "news.txt").write_text("Judul\na b, c d e f\nlain\n\nsesuatu yang lain\n")
    (tmp_path / "law.txt").write_text("x b c d e f y\n\npasal satu\n")
    (tmp_path / "texts.txt").write_text("a b c d e f g\n")
    values: dict[str, Any] = {"min_characters": 4}
    if exclude:
        values["exclude"] = {"paths": [str(tmp_path / "texts.txt")], "ngram": 5, "sentence_words": 3}
    sources = [{"type": "local", "paths": [str(tmp_path / f"{name}.txt")]} for name in ("news", "law")]
    return validate(CorpusConfig, {"sources": sources, "cleaning": values})


TEXTS = [
    EvaluationText("nerp", "valid", 1, "p q r s t u"),
    EvaluationText("nerp", "test", 1, "A B c d e f g"),
    EvaluationText("wrete", "test", 4, "z"),
    EvaluationText("wrete", "test", 4, "b c d e f"),
]


@pytest.mark.parametrize("exclude", [False, True])
def test_overlap_is_counted_by_example_and_source(tmp_path: Path, exclude: bool) -> None:
    chosen = config(tmp_path, exclude)
    overlap = measure_overlap(chosen.sources, chosen.cleaning, TEXTS, PassageIndex(5, 3))
    assert overlap.found == {
        ("nerp", "test", 1): {"news": "a b c d e", "law": "b c d e f"},
        ("wrete", "test", 4): {"news": "b c d e f", "law": "b c d e f"},
    }
    assert overlap.left == (set() if exclude else set(overlap.found))
    assert overlap.documents == {"news": 2, "law": 2} and overlap.matching == {"news": 1, "law": 1}
    assert overlap.examples == {("nerp", "valid"): 1, ("nerp", "test"): 1, ("wrete", "test"): 1}


def test_report_lists_the_examples(tmp_path: Path) -> None:
    chosen, index = config(tmp_path, exclude=False), PassageIndex(5, 3)
    overlap = measure_overlap(chosen.sources, chosen.cleaning, TEXTS, index)
    machine, people = io.StringIO(), io.StringIO()
    write_overlap_report(overlap, index, machine, people)
    report = json.loads(machine.getvalue())
    assert report["splits"][1] == {"task": "nerp", "split": "test", "examples": 1, "found": 1, "left": 1}
    assert report["sources"][0] == {"label": "news", "documents": 2, "with_a_shared_passage": 1}
    text = people.getvalue()
    assert "| nerp | valid | 1 | 0 | 0 |" in text
    assert "| wrete test 4 | law | b c d e f |" in text


def test_an_unknown_split_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no split 'dev'; there are: train, valid, test"):
        write_evaluation_texts(tmp_path / "texts.txt", ["dev"])
