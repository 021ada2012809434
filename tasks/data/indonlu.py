"""The IndoNLU benchmark: its twelve data sets, declared, and their files read and checked.

Wilie et al., "IndoNLU: Benchmark and Resources for Evaluating Indonesian Natural Language
Understanding", AACL 2020. Label sets are declared rather than collected, because BaPOS has tags in
valid and test that train lacks, and others that only train has. The checksums stand in
``indonlu_sha256sums.txt`` beside this module, as ``sha256sum -c`` reads them in the benchmark's ``dataset`` folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import Splits
from elmo_xlstm.tasks.data.readers import ConllReader, QuestionReader, TableReader
from elmo_xlstm.tasks.data.registries import (
    aspect_datasets,
    classification_datasets,
    pair_datasets,
    question_datasets,
    tagging_datasets,
)
from elmo_xlstm.tasks.data.repository import SPLITS, DataFile, Repository, Split, check_file

REPOSITORY = Repository(
    title="IndoNLU",
    name="IndoNLP/indonlu",
    commit="ce728f6926a36174b9923dfe49d6a6839b6e9bb7",
    folder="dataset",
    variable="ELMO_XLSTM_INDONLU",
    cache="indonlu",
)
Kind = Literal["classification", "aspects", "pair", "tagging", "question"]

REAL_LABELS = "test_preprocess.*, not test_preprocess_masked_label.*"
SUMS = Path(__file__).with_name("indonlu_sha256sums.txt").read_text()
CHECKSUMS: dict[str, str] = {path: digest for digest, path in (line.split() for line in SUMS.splitlines())}


@dataclass(frozen=True)
class Dataset:
    """One data set of the benchmark."""

    name: str  # as in configurations and result files
    kind: Kind
    labels: tuple[str, ...]  # all that may occur, in the order of their indices
    files: Mapping[Split, DataFile]
    aspects: tuple[str, ...] = ()  # columns that each carry one of the labels
    texts: tuple[str, ...] = ()  # columns of the texts, in CSV files of labelled texts
    train_used: int | None = None  # rows of the training file that count, from its beginning; None for all

    def rows(self, split: Split) -> int:
        """Examples of a split that are used."""
        if split == "train" and self.train_used is not None:
            return self.train_used
        return self.files[split].rows


def dataset(name: str) -> Dataset:
    """The data set called ``name``; a UserError lists all names if there is none."""
    try:
        return DATASETS[name]
    except KeyError:
        raise UserError(f"no IndoNLU data set '{name}'; there are: {', '.join(DATASETS)}") from None


def _files(folder: str, suffix: str, *rows: int) -> dict[Split, DataFile]:
    paths = (f"{folder}/{split}_preprocess{suffix}" for split in SPLITS)
    return {
        split: DataFile(path, count, CHECKSUMS[path]) for split, path, count in zip(SPLITS, paths, rows, strict=True)
    }


def _marked(mark: str, types: str) -> tuple[str, ...]:
    return tuple(f"{mark}-{name}" for name in types.split())


def _spans(types: str) -> tuple[str, ...]:
    return ("O", *(f"{mark}-{name}" for name in types.split() for mark in "BI"))


_ALL = (
    Dataset(
        "emot",
        "classification",
        ("sadness", "anger", "love", "fear", "happy"),
        _files("emot_emotion-twitter", ".csv", 3521, 440, 440),
        texts=("tweet",),
    ),
    Dataset(
        "smsa",
        "classification",
        ("positive", "neutral", "negative"),
        _files("smsa_doc-sentiment-prosa", ".tsv", 11000, 1260, 500),
    ),
    Dataset(
        "casa",
        "aspects",
        ("negative", "neutral", "positive"),
        _files("casa_absa-prosa", ".csv", 810, 90, 180),
        aspects=("fuel", "machine", "others", "part", "price", "service"),
        texts=("sentence",),
    ),
    Dataset(
        "hoasa",
        "aspects",
        ("neg", "neut", "pos", "neg_pos"),
        _files("hoasa_absa-airy", ".csv", 2283, 285, 286),
        aspects=("ac", "air_panas", "bau", "general", "kebersihan", "linen", "service", "sunrise_meal", "tv", "wifi"),
        texts=("review",),
    ),
    Dataset(
        "wrete",
        "pair",
        ("NotEntail", "Entail_or_Paraphrase"),
        _files("wrete_entailment-ui", ".csv", 300, 50, 100),
        texts=("sent_A", "sent_B"),
    ),
    Dataset(
        "posp",
        "tagging",
        _marked(
            "B",
            "$$$ ADJ ADK ADV ART CCN CSN INT KUA NEG NNO NNP NUM PAR PPO PRI PRK PRN PRR SYM UNS VBE VBI VBL VBP VBT",
        ),
        files=_files("posp_pos-prosa", ".txt", 6720, 840, 840),
    ),
    Dataset(
        "bapos",
        "tagging",
        (
            *_marked("B", "CC CD DT FW IN JJ MD NEG NN NND NNP OD PR PRP RB RP SC SYM UH VB WH X Z"),
            *_marked("I", "CC CD IN JJ NN NND NNP OD PR PRP RB SC SYM UH VB WH X Z"),
        ),
        files=_files("bapos_pos-idn", ".txt", 8000, 1000, 1029),
    ),
    Dataset(
        "terma",
        "tagging",
        _spans("ASPECT SENTIMENT"),
        _files("terma_term-extraction-airy", ".txt", 3000, 1000, 1000),
        train_used=2000,  # rows 2000 to 2999 are the validation file over again
    ),
    Dataset("keps", "tagging", ("O", "B", "I"), _files("keps_keyword-extraction-prosa", ".txt", 800, 200, 247)),
    Dataset(
        "nergrit", "tagging", _spans("PERSON PLACE ORGANISATION"), _files("nergrit_ner-grit", ".txt", 1672, 209, 209)
    ),
    Dataset("nerp", "tagging", _spans("PPL PLC IND EVT FNB"), _files("nerp_ner-prosa", ".txt", 6720, 840, 840)),
    Dataset("facqa", "question", ("O", "B", "I"), _files("facqa_qa-factoid-itb", ".csv", 2495, 311, 311)),
)
DATASETS: dict[str, Dataset] = {declared.name: declared for declared in _ALL}


class DataLocation(Settings):
    """Where the benchmark's files are looked for."""

    data_dir: Path | None = None
    """Directory that holds the benchmark's folders (nerp_ner-prosa, ...). When it is not set, the
    environment variable ELMO_XLSTM_INDONLU counts, then the cache, which is filled on first use."""


def locate(name: str, split: Split, location: DataLocation | None = None) -> Path:
    """Find the file of one split, fetching it if need be; its checksum is right on return, or there is a UserError."""
    return REPOSITORY.locate(dataset(name).files[split], (location or DataLocation()).data_dir)


def reader_of(chosen: Dataset) -> Any:
    """The reader of a data set's files: CSV with a header for labelled texts, but for SmSA, which has text, tab, label.

    Words of taggers' files are split at tabs alone, because some hold spaces.
    """
    if chosen.kind == "tagging":
        return ConllReader.Config(columns=2).build()
    if chosen.kind == "question":
        return QuestionReader()
    if chosen.name == "smsa":
        return TableReader(text_columns=(0,), label_columns=(1,), separator="\t", quoted=False, header=False)
    return TableReader(text_columns=chosen.texts, label_columns=chosen.aspects or ("label",))


def read_file(path: Path, chosen: Dataset, split: Split) -> tuple[Any, ...]:
    """Read the examples of one file that are used; UserError if it is malformed, cut, or has masked labels."""
    examples = reader_of(chosen).read(path, chosen.labels).examples
    check_file(path, chosen.files[split], examples, split, REAL_LABELS)
    used: tuple[Any, ...] = examples[: chosen.rows(split)]
    return used


def load(name: str, location: DataLocation | None = None) -> Splits[Any]:
    """Read a data set, checked against the catalogue."""
    chosen = dataset(name)
    train, valid, test = (read_file(locate(name, split, location), chosen, split) for split in SPLITS)
    sha256 = {chosen.files[split].path: chosen.files[split].sha256 for split in SPLITS}
    return Splits(train, valid, test, chosen.labels, sha256=sha256, aspects=chosen.aspects)


class IndoNLU(Settings):
    """A data set of the benchmark; each kind of task says which ones it takes."""

    type: Literal["indonlu"] = "indonlu"
    name: str
    location: DataLocation = DataLocation()
    """Where its files are looked for."""

    def load(self) -> Splits[Any]:
        """Read the three splits, checked against the catalogue."""
        return load(self.name, self.location)

    def reader(self) -> Any:
        """Reader of further files of the same form."""
        return reader_of(dataset(self.name))


@tagging_datasets.register("indonlu")
class IndoNLUTagging(IndoNLU):
    """A tagging task of the IndoNLU benchmark."""

    name: Literal["nerp", "nergrit", "posp", "bapos", "terma", "keps"]


@classification_datasets.register("indonlu")
class IndoNLUClassification(IndoNLU):
    """A task of the IndoNLU benchmark in which a text has one label: sentiment (smsa) or emotion (emot)."""

    name: Literal["smsa", "emot"]


@aspect_datasets.register("indonlu")
class IndoNLUAspects(IndoNLU):
    """A task of the IndoNLU benchmark in which each aspect of a review has a label: cars (casa) or hotels (hoasa)."""

    name: Literal["casa", "hoasa"]


@pair_datasets.register("indonlu")
class IndoNLUPairs(IndoNLU):
    """The task of the IndoNLU benchmark in which a pair of texts has a label: entailment (wrete)."""

    name: Literal["wrete"] = "wrete"


@question_datasets.register("indonlu")
class IndoNLUQuestions(IndoNLU):
    """Question answering of the IndoNLU benchmark."""

    name: Literal["facqa"] = "facqa"
