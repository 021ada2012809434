"""Reading the benchmark's files, with their traps closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elmo_xlstm.errors import UserError
from tasks.indonlu.datasets import SPLITS, Dataset, Split, dataset
from tasks.indonlu.fetch import DataLocation, locate
from tasks.readers.conll import ConllReader
from tasks.readers.sentence import TaggedSentence


@dataclass(frozen=True)
class TaggingSplits:
    """The three splits of a tagging task.

    Attributes:
        train: what is learned from.
        valid: what settings and early stopping are chosen by.
        test: what is reported.
        labels: all tags that may occur, in the order of their indices.
        sha256: checksum of each file read, by its name, for the result file.
    """

    train: tuple[TaggedSentence, ...]
    valid: tuple[TaggedSentence, ...]
    test: tuple[TaggedSentence, ...]
    labels: tuple[str, ...]
    sha256: Mapping[str, str]


def load_tagging(name: str, location: DataLocation | None = None) -> TaggingSplits:
    """Read a tagging task: nerp, nergrit, posp, bapos, terma or keps.

    Args:
        name: of the data set.
        location: where its files are looked for.

    Raises:
        UserError: the data set is unknown or no tagging task, or a file is missing, changed,
            malformed, of another length than declared, or has masked labels.
    """
    chosen = dataset(name)
    if chosen.kind != "tagging":
        raise UserError(f"IndoNLU's {chosen.title} is no tagging task but one of {chosen.kind}")
    read: dict[Split, tuple[TaggedSentence, ...]] = {}
    for split in SPLITS:
        path = locate(name, split, location)
        read[split] = read_tagging_file(path, chosen, split)
    return TaggingSplits(
        train=read["train"],
        valid=read["valid"],
        test=read["test"],
        labels=chosen.labels,
        sha256={chosen.files[split].path: chosen.files[split].sha256 for split in SPLITS},
    )


def read_tagging_file(path: Path, chosen: Dataset, split: Split) -> tuple[TaggedSentence, ...]:
    """Read one file of a tagging task and check it against the declared table.

    Raises:
        UserError: see :func:`load_tagging`.
    """
    reader = ConllReader.Config(columns=2).build()
    sentences = reader.read(path, chosen.labels).sentences
    expect_rows(path, len(sentences), chosen.files[split].rows)
    if split == "test":
        refuse_masked(path, {tag for sentence in sentences for tag in sentence.tags or ()})
    return sentences[: chosen.rows(split)]


def expect_rows(path: Path, found: int, expected: int) -> None:
    """Check a file's length.

    Raises:
        UserError: it is another one than declared.
    """
    if found != expected:
        raise UserError(f"{path}: {found} rows, expected {expected}; the file is cut or not the benchmark's")


def refuse_masked(path: Path, labels: set[str]) -> None:
    """Refuse a test split in which every label is the same.

    Raises:
        UserError: there is at most one label; nothing can be measured on such a file.
    """
    if len(labels) < 2:
        only = f"'{min(labels)}'" if labels else "missing"
        raise UserError(
            f"{path}: every label is {only}: the labels of this test file are masked; "
            "use test_preprocess.*, not test_preprocess_masked_label.*"
        )
