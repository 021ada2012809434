"""The benchmark's twelve data sets: files, checksums, row counts and label sets, declared.

Wilie et al., "IndoNLU: Benchmark and Resources for Evaluating Indonesian Natural Language
Understanding", AACL 2020. Label sets are declared rather than collected, because BaPOS has tags in
valid and test that train lacks, and others that only train has. The checksums stand in
``sha256sums.txt`` beside this module, as ``sha256sum -c`` reads them in the benchmark's ``dataset`` folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.repository import SPLITS, DataFile, Repository, Split

DIRECTORY_VARIABLE = "ELMO_XLSTM_INDONLU"
REPOSITORY = Repository(
    title="IndoNLU",
    name="IndoNLP/indonlu",
    commit="ce728f6926a36174b9923dfe49d6a6839b6e9bb7",
    folder="dataset",
    variable=DIRECTORY_VARIABLE,
    cache="indonlu",
)
Kind = Literal["classification", "aspects", "pair", "tagging", "question"]

CHECKSUMS: dict[str, str] = {
    path: digest
    for digest, path in (line.split() for line in (Path(__file__).parent / "sha256sums.txt").read_text().splitlines())
}


@dataclass(frozen=True)
class Dataset:
    """One data set of the benchmark.

    Attributes:
        name: as in configurations and result files.
        title: as in the paper.
        kind: of task.
        labels: all labels that may occur, in the order of their indices.
        files: the file of each split.
        aspects: columns that each carry one of ``labels``, for ``kind="aspects"``.
        texts: columns of the texts, for CSV files of labelled texts.
        train_used: how many rows of the training file count, from its beginning; ``None`` for all.
    """

    name: str
    title: str
    kind: Kind
    labels: tuple[str, ...]
    files: Mapping[Split, DataFile]
    aspects: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    train_used: int | None = None

    def rows(self, split: Split) -> int:
        """Examples of a split that are used."""
        if split == "train" and self.train_used is not None:
            return self.train_used
        return self.files[split].rows


def dataset(name: str) -> Dataset:
    """The data set called ``name``.

    Raises:
        UserError: there is none; the message lists all names.
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise UserError(f"no IndoNLU data set '{name}'; there are: {', '.join(DATASETS)}") from None


def _files(folder: str, suffix: str, *rows: int) -> dict[Split, DataFile]:
    paths = (f"{folder}/{split}_preprocess{suffix}" for split in SPLITS)
    return {
        split: DataFile(path, count, CHECKSUMS[path]) for split, path, count in zip(SPLITS, paths, rows, strict=True)
    }


def _begin(types: str) -> tuple[str, ...]:
    return tuple(f"B-{name}" for name in types.split())


def _inside(types: str) -> tuple[str, ...]:
    return tuple(f"I-{name}" for name in types.split())


def _spans(types: str) -> tuple[str, ...]:
    return ("O", *(f"{mark}-{name}" for name in types.split() for mark in "BI"))


DATASETS: dict[str, Dataset] = {
    "emot": Dataset(
        name="emot",
        title="EmoT",
        kind="classification",
        labels=("sadness", "anger", "love", "fear", "happy"),
        texts=("tweet",),
        files=_files("emot_emotion-twitter", ".csv", 3521, 440, 440),
    ),
    "smsa": Dataset(
        name="smsa",
        title="SmSA",
        kind="classification",
        labels=("positive", "neutral", "negative"),
        files=_files("smsa_doc-sentiment-prosa", ".tsv", 11000, 1260, 500),
    ),
    "casa": Dataset(
        name="casa",
        title="CASA",
        kind="aspects",
        labels=("negative", "neutral", "positive"),
        aspects=("fuel", "machine", "others", "part", "price", "service"),
        texts=("sentence",),
        files=_files("casa_absa-prosa", ".csv", 810, 90, 180),
    ),
    "hoasa": Dataset(
        name="hoasa",
        title="HoASA",
        kind="aspects",
        labels=("neg", "neut", "pos", "neg_pos"),
        aspects=("ac", "air_panas", "bau", "general", "kebersihan", "linen", "service", "sunrise_meal", "tv", "wifi"),
        texts=("review",),
        files=_files("hoasa_absa-airy", ".csv", 2283, 285, 286),
    ),
    "wrete": Dataset(
        name="wrete",
        title="WReTE",
        kind="pair",
        labels=("NotEntail", "Entail_or_Paraphrase"),
        texts=("sent_A", "sent_B"),
        files=_files("wrete_entailment-ui", ".csv", 300, 50, 100),
    ),
    "posp": Dataset(
        name="posp",
        title="POSP",
        kind="tagging",
        labels=_begin(
            "$$$ ADJ ADK ADV ART CCN CSN INT KUA NEG NNO NNP NUM PAR PPO PRI PRK PRN PRR SYM UNS VBE VBI VBL VBP VBT"
        ),
        files=_files("posp_pos-prosa", ".txt", 6720, 840, 840),
    ),
    "bapos": Dataset(
        name="bapos",
        title="BaPOS",
        kind="tagging",
        labels=(
            *_begin("CC CD DT FW IN JJ MD NEG NN NND NNP OD PR PRP RB RP SC SYM UH VB WH X Z"),
            *_inside("CC CD IN JJ NN NND NNP OD PR PRP RB SC SYM UH VB WH X Z"),
        ),
        files=_files("bapos_pos-idn", ".txt", 8000, 1000, 1029),
    ),
    "terma": Dataset(
        name="terma",
        title="TermA",
        kind="tagging",
        labels=_spans("ASPECT SENTIMENT"),
        train_used=2000,  # rows 2000 to 2999 are the validation file over again
        files=_files("terma_term-extraction-airy", ".txt", 3000, 1000, 1000),
    ),
    "keps": Dataset(
        name="keps",
        title="KEPS",
        kind="tagging",
        labels=("O", "B", "I"),
        files=_files("keps_keyword-extraction-prosa", ".txt", 800, 200, 247),
    ),
    "nergrit": Dataset(
        name="nergrit",
        title="NERGrit",
        kind="tagging",
        labels=_spans("PERSON PLACE ORGANISATION"),
        files=_files("nergrit_ner-grit", ".txt", 1672, 209, 209),
    ),
    "nerp": Dataset(
        name="nerp",
        title="NERP",
        kind="tagging",
        labels=_spans("PPL PLC IND EVT FNB"),
        files=_files("nerp_ner-prosa", ".txt", 6720, 840, 840),
    ),
    "facqa": Dataset(
        name="facqa",
        title="FacQA",
        kind="question",
        labels=("O", "B", "I"),
        files=_files("facqa_qa-factoid-itb", ".csv", 2495, 311, 311),
    ),
}
