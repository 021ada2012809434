"""Reading the benchmark's labelled texts: sentiment, emotion, aspects and entailment."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.errors import UserError
from tasks.indonlu.datasets import SPLITS, Dataset, Kind, Split, dataset
from tasks.indonlu.fetch import DataLocation, locate
from tasks.indonlu.load import REAL_LABELS
from tasks.readers.labelled import LabelledSplits, LabelledText
from tasks.readers.table import TableReader
from tasks.repository import expect_rows, refuse_masked

TEXT_COLUMNS: dict[str, tuple[str, ...]] = {
    "emot": ("tweet",),
    "casa": ("sentence",),
    "hoasa": ("review",),
    "wrete": ("sent_A", "sent_B"),
}


def table_reader(chosen: Dataset) -> TableReader:
    """What reads a data set's files: CSV with a header, but for SmSA, which has text, tab, label."""
    if chosen.name == "smsa":
        config = TableReader.Config(text_columns=(0,), label_columns=(1,), separator="\t", quoted=False, header=False)
    else:
        config = TableReader.Config(text_columns=TEXT_COLUMNS[chosen.name], label_columns=chosen.aspects or ("label",))
    return config.build()


def load_labelled(name: str, kind: Kind, location: DataLocation | None = None) -> LabelledSplits:
    """Read smsa or emot (classification), casa or hoasa (aspects), or wrete (pair).

    Args:
        name: of the data set.
        kind: that it should be of.
        location: where its files are looked for.

    Raises:
        UserError: the data set is unknown or of another kind, or a file is missing, changed, malformed, of another
            length than declared, or has masked labels.
    """
    chosen = dataset(name)
    if chosen.kind != kind:
        raise UserError(f"IndoNLU's {chosen.title} is no {kind} task but one of {chosen.kind}")
    read: dict[Split, tuple[LabelledText, ...]] = {}
    for split in SPLITS:
        path = locate(name, split, location)
        read[split] = read_labelled_file(path, chosen, split)
    return LabelledSplits(
        train=read["train"],
        valid=read["valid"],
        test=read["test"],
        labels=chosen.labels,
        sha256={chosen.files[split].path: chosen.files[split].sha256 for split in SPLITS},
        aspects=chosen.aspects,
    )


def read_labelled_file(path: Path, chosen: Dataset, split: Split) -> tuple[LabelledText, ...]:
    """Read one file and check it against the declared table.

    Raises:
        UserError: see :func:`load_labelled`.
    """
    examples = table_reader(chosen).read(path, chosen.labels).examples
    expect_rows(path, len(examples), chosen.files[split].rows)
    if split == "test":
        refuse_masked(path, {label for example in examples for label in example.labels or ()}, REAL_LABELS)
    return examples[: chosen.rows(split)]
