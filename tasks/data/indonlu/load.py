"""Files of the benchmark to examples, checked against the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.config import Settings
from elmo_xlstm.tasks.data.examples import Splits
from elmo_xlstm.tasks.data.indonlu.catalogue import REPOSITORY, Dataset, dataset
from elmo_xlstm.tasks.data.readers import ConllReader, QuestionReader, TableReader
from elmo_xlstm.tasks.data.registries import (
    aspect_datasets,
    classification_datasets,
    pair_datasets,
    question_datasets,
    tagging_datasets,
)
from elmo_xlstm.tasks.data.repository import SPLITS, Split, check_file

REAL_LABELS = "test_preprocess.*, not test_preprocess_masked_label.*"


class DataLocation(Settings):
    """Where the benchmark's files are looked for."""

    data_dir: Path | None = None
    """Directory that holds the benchmark's folders (nerp_ner-prosa, ...). When it is not set, the
    environment variable ELMO_XLSTM_INDONLU counts, then the cache, which is filled on first use."""


def locate(name: str, split: Split, location: DataLocation | None = None) -> Path:
    """Find the file of one split, fetching it if need be; its checksum is right on return.

    Args:
        name: of a data set in the catalogue.
        split: train, valid or test.
        location: where to look first.

    Raises:
        UserError: the data set is unknown, the file is not where it was said to be, its content is not
            the benchmark's, or it can be had neither from the cache nor from the network.
    """
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
    """Read the examples of one file that are used.

    Raises:
        UserError: the file is malformed, of another length than declared, or has masked labels.
    """
    examples = reader_of(chosen).read(path, chosen.labels).examples
    check_file(path, chosen.files[split], examples, split, REAL_LABELS)
    used: tuple[Any, ...] = examples[: chosen.rows(split)]
    return used


def load(name: str, location: DataLocation | None = None) -> Splits[Any]:
    """Read a data set.

    Args:
        name: in the catalogue.
        location: where its files are looked for.

    Raises:
        UserError: the data set is unknown, or a file is missing, changed, malformed, of another length than declared,
            or has masked labels.
    """
    chosen = dataset(name)
    train, valid, test = (read_file(locate(name, split, location), chosen, split) for split in SPLITS)
    return Splits(
        train,
        valid,
        test,
        chosen.labels,
        sha256={chosen.files[split].path: chosen.files[split].sha256 for split in SPLITS},
        aspects=chosen.aspects,
    )


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
