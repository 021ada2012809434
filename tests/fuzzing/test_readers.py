"""Every reader of task data, given two thousand bad files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.modules.word_vectors import read_vectors
from elmo_xlstm.tasks.data.absa_e2e import AspectTripletReader
from elmo_xlstm.tasks.data.indonlu import dataset, reader_of
from elmo_xlstm.tasks.data.readers import new_text
from elmo_xlstm.tasks.data.readers.conll import ConllReader
from elmo_xlstm.tasks.data.readers.new_text import read_examples, read_sentences
from elmo_xlstm.tasks.data.readers.questions import QuestionReader
from elmo_xlstm.tasks.data.user_data import hub
from elmo_xlstm.tasks.data.user_data.labelled import (
    AspectsFiles,
    AspectsHub,
    ClassificationFiles,
    ClassificationHub,
    PairsFiles,
    PairsHub,
)
from elmo_xlstm.tasks.data.user_data.tagged import ConllFiles, TaggedHub, TaggedJsonFiles

NER = "Siti\tB-PER\ntiba\tO\ndi\tO\nKota\tB-LOC\nBatu\tI-LOC\n\nhari\tO\nini\tO\n\nBudi\tB-PER\n\nmakan\tO\nnasi\tO\n"
CONLLU = (
    "# sent_id = 1\n1\tSiti\tsiti\tPROPN\n2-3\tdi rumah\t_\t_\n2\tdi\tdi\tADP\n3\trumah\trumah\tNOUN\n\n1\tYa\tya\tX\n"
)
TEXTS = 'text,label\nkamar bersih,positive\n"mahal, katanya",negative\nbiasa saja,neutral\nenak 2 kali,positive\n'
JSON_TEXTS = "".join(
    json.dumps({"text": text, "label": label}) + "\n"
    for text, label in (("enak sekali", "positif"), ("tidak enak", "negatif"), ("biasa 2 kali", 0), ("ya", "positif"))
)
JSON_TAGGED = "".join(
    json.dumps({"words": words.split(), "tags": tags.split()}) + "\n"
    for words, tags in (("Siti tiba di Bogor", "B-PER O O B-LOC"), ("hari ini", "O O"), ("Budi", "B-PER"), ("ya", "O"))
)
ASPECTS = "sentence,fuel,machine,others,part,price,service\nirit,positive,neutral,neutral,neutral,neutral,negative\n"
OWN_ASPECTS = "sentence,fuel,price\nirit,positive,neutral\nboros,negative,neutral\nmahal,neutral,negative\nya,x,x\n"
OWN_PAIRS = "first,second,label\nsatu,dua,ya\ntiga,empat,tidak\nlima,enam,ya\ntujuh,tujuh,ya\n"
PAIRS = "category,sent_A,sent_B,label\nx,Siti tiba,dia tiba,Entail_or_Paraphrase\ny,hujan,panas,NotEntail\n"
QUESTIONS = (
    "question,passage,seq_label\n"
    "\"['siapa', 'tiba', '?']\",\"['Siti', 'tiba', '.']\",\"['B', 'O', 'O']\"\n"
    "\"['di', 'mana']\",\"['di', 'Kota', 'Batu']\",\"['O', 'B', 'I']\"\n"
)
TRIPLETS = (
    "kamar bersih .####[([0], [1], 'POS')]\nair panas mati####[([0, 1], [2], 'NEG')]\n"
    "baik####[([-1], [0], 'POS')]\nya####[]\n"
)
INPUT = '{"words": ["Siti", "tiba"]}\n{"text": "hari ini 30%"}\n{"text": "ya", "id": 3}\n'
VECTORS = "4 3\nsiti 0.1 -2e-3 3\ntiba 1 2 3\nkota batu 4 5 6\n<unk> 0 0 0\n"

HELD_OUT: dict[str, Any] = {"valid_fraction": 0.25, "test_fraction": 0.25}


def own(settings: type[Any], **values: Any) -> Callable[[Path], Any]:
    """Reads a whole data set whose training file is given."""
    return lambda path: validate(settings, {"train": str(path), **HELD_OUT, **values}).load()


read_texts = partial(read_examples, parse=new_text.parse_text, usual=new_text.TEXT, what="text")
read_pairs = partial(read_examples, parse=new_text.parse_pair, usual=new_text.PAIR, what="text")
read_questions = partial(read_examples, parse=new_text.parse_question, usual=new_text.QUESTION, what="question")


def every(read: Callable[[Path], Iterator[Any]]) -> Callable[[Path], list[Any]]:
    """Reads all of a file whose examples are read one at a time."""
    return lambda path: list(read(path))


def indonlu(name: str) -> Callable[[Path], Any]:
    chosen = dataset(name)
    return lambda path: reader_of(chosen).read(path, chosen.labels)


READERS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "indonlu tsv": ("test.tsv", 'kamar bersih\tpositive\n"mahal\tnegative\nya\tneutral\n', indonlu("smsa")),
    "indonlu csv": ("test.csv", 'label,tweet\nhappy,"asyik, 2 hari"\nanger,huh\n', indonlu("emot")),
    "indonlu aspects": ("test.csv", ASPECTS, indonlu("casa")),
    "indonlu pairs": ("test.csv", PAIRS, indonlu("wrete")),
    "indonlu tagging": (
        "test.txt",
        NER.replace("-PER", "-PPL").replace("-LOC", "-PLC"),
        lambda path: ConllReader.Config(columns=2).build().read(path, dataset("nerp").labels),
    ),
    "indonlu questions": ("test.csv", QUESTIONS, lambda path: QuestionReader().read(path, ("O", "B", "I"))),
    "absa_e2e": ("test.txt", TRIPLETS, lambda path: AspectTripletReader().read(path)),
    "own conll": ("own.conll", NER, own(ConllFiles)),
    "own conll, lenient": ("own.conll", NER, own(ConllFiles, on_bad_row="skip")),
    "own conll-u": (
        "own.conllu",
        CONLLU * 3 + "\n1\tHari\thari\tNOUN\n",
        own(ConllFiles, format={"word_column": 1, "tag_column": 3, "id_column": 0, "comment": "# "}),
    ),
    "own conll, any white space": ("own.conll", NER, own(ConllFiles, format={"separator": None, "tag_column": -1})),
    "own tagged json": ("own.jsonl", JSON_TAGGED, own(TaggedJsonFiles)),
    "own csv": ("own.csv", TEXTS, own(ClassificationFiles)),
    "own csv, lenient": ("own.csv", TEXTS, own(ClassificationFiles, on_bad_row="skip")),
    "own tsv": ("own.tsv", TEXTS.replace(", katanya", "").replace(",", "\t"), own(ClassificationFiles)),
    "own csv, without header": (
        "own.csv",
        TEXTS.partition("\n")[2],
        own(ClassificationFiles, header=False, text=0, label=-1, quoted=True),
    ),
    "own json": ("own.jsonl", JSON_TEXTS, own(ClassificationFiles, label_names={"0": "netral"})),
    "own aspects": ("own.csv", OWN_ASPECTS, own(AspectsFiles, text="sentence", aspects=["fuel", "price"])),
    "own pairs": ("own.csv", OWN_PAIRS, own(PairsFiles)),
    "predict sentences": ("input.txt", "Siti tiba di Bogor.\n\nhari ini 30%\n", every(read_sentences)),
    "predict json sentences": ("input.jsonl", INPUT, every(read_sentences)),
    "predict texts": ("input.txt", "kamar bersih\n\nmahal\n", every(read_texts)),
    "predict json texts": (
        "input.jsonl",
        '{"text": "kamar bersih"}\n{"text": "mahal", "id": [1]}\n',
        every(read_texts),
    ),
    "predict pairs": ("input.txt", "satu dua\ttiga\nya\ttidak\n", every(read_pairs)),
    "predict csv texts": ("input.csv", 'id,text\n1,"bersih, ya"\n2,mahal\n', every(read_texts)),
    "predict tsv pairs": ("input.tsv", "first\tsecond\nsatu dua\ttiga\nya\ttidak\n", every(read_pairs)),
    "predict conll": ("input.conll", NER, every(read_sentences)),
    "predict conll-u": ("input.conllu", CONLLU * 2, every(read_sentences)),
    "predict json pairs": ("input.jsonl", '{"first": "satu", "second": "dua"}\n', every(read_pairs)),
    "predict questions": (
        "input.jsonl",
        '{"question": "siapa?", "passage": ["Siti", "tiba"]}\n{"question": ["di"], "passage": "di rumah"}\n',
        every(read_questions),
    ),
    "word vectors": ("cc.vec", VECTORS, lambda path: list(read_vectors(path, 3))),
    "word vectors, without header": ("glove.txt", VECTORS.partition("\n")[2], lambda path: list(read_vectors(path, 3))),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_ends_in_a_result_or_one_error(fuzz, tmp_path: Path, name: str) -> None:
    file, valid, read = READERS[name]
    fuzz(read, tmp_path / file, valid.encode(), seed=len(name))


class Rows:
    """Stands for a data set of the ``datasets`` library."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.column_names = list(rows[0])
        self.features = dict.fromkeys(self.column_names)

    def select_columns(self, columns: list[str]) -> Rows:
        return Rows([{column: row[column] for column in columns} for row in self.rows])

    def with_format(self, _: None) -> list[dict[str, Any]]:
        return self.rows


ODD_VALUES = (
    *(None, True, 0, -1, 3.0, 1e300, float("nan"), float("inf"), 10**400, b"bytes", "", " ", "\0", "\ud800"),
    *("ya" * 10**5, "\u200b", "e\u0301" * 50, "\u202eمرحبا", [], {}, ["ya"], ["ya", None], [["ya"]], {"a": "b"}),
    *(["\ud800"], [""], [1, 2]),
)  # fmt: skip


HUBS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "texts": (ClassificationHub, {}),
    "tags": (TaggedHub, {}),
    "pairs": (PairsHub, {}),
    "aspects": (AspectsHub, {"aspects": ["fuel", "price"]}),
}


def good_row(kind: str, words: str) -> dict[str, Any]:
    """A row as it should be."""
    match kind:
        case "tags":
            return {"tokens": words.split(), "ner_tags": ["O", "B-X"]}
        case "pairs":
            return {"first": words, "second": "ya", "label": "ya"}
        case "aspects":
            return {"text": words, "fuel": "ya", "price": "ya"}
        case _:
            return {"text": words, "label": "ya"}


@pytest.mark.parametrize("on_bad_row", ["refuse", "skip"])
@pytest.mark.parametrize("kind", HUBS)
def test_hub_rows(
    end_well, case_count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, on_bad_row: str
) -> None:
    settings, values = HUBS[kind]
    chance = random.Random(kind + on_bad_row)
    data = {"name": str(tmp_path), **HELD_OUT, **values, "on_bad_row": on_bad_row}
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(hub, "_load", lambda *_: Rows(made))
    outcomes = set()
    for number in range(case_count):
        made[:] = [good_row(kind, words) for words in ("satu dua", "tiga empat", "lima enam", "tujuh delapan")]
        for row in made[: chance.randint(0, 3)]:
            row[chance.choice(list(row))] = chance.choice(ODD_VALUES)
        if number % 50 == 0:
            made[:] = [{"other": next(iter(row.values()))} for row in made]
        outcomes.add(end_well(lambda _: validate(settings, data).load(), tmp_path, f"rows {number}: {made}"))
    assert outcomes == {"result", "error"}
