"""Reading the benchmark's files, with their traps closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elmo_xlstm.errors import UserError
from tasks.indonlu.datasets import SPLITS, Dataset, Split, dataset
from tasks.indonlu.fetch import DataLocation, locate
from tasks.readers.conll import ConllReader
from tasks.readers.questions import QuestionPassage, read_questions
from tasks.readers.sentence import TaggedSentence
from tasks.repository import expect_rows, refuse_masked

REAL_LABELS = "test_preprocess.*, not test_preprocess_masked_label.*"


@dataclass(frozen=True)
class TaggingSplits:
    """The three splits of a tagging task.

    Attributes:
        train: what is learned from.
        valid: what settings and early stopping are chosen by.
        test: what is reported.
        labels: all tags that may occur, in the order of their indices.
        sha256: checksum of each file read, by its name, for the result file.
        skipped: how many sentences of each file were left out because of problems, of those that had any.
    """

    train: tuple[TaggedSentence, ...]
    valid: tuple[TaggedSentence, ...]
    test: tuple[TaggedSentence, ...]
    labels: tuple[str, ...]
    sha256: Mapping[str, str]
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class QuestionSplits:
    """The three splits of question answering as tagging; see :class:`TaggingSplits`."""

    train: tuple[QuestionPassage, ...]
    valid: tuple[QuestionPassage, ...]
    test: tuple[QuestionPassage, ...]
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
        refuse_masked(path, {tag for sentence in sentences for tag in sentence.tags or ()}, REAL_LABELS)
    return sentences[: chosen.rows(split)]


def load_questions(name: str = "facqa", location: DataLocation | None = None) -> QuestionSplits:
    """Read facqa.

    Args:
        name: of the data set.
        location: where its files are looked for.

    Raises:
        UserError: as :func:`load_tagging`.
    """
    chosen = dataset(name)
    if chosen.kind != "question":
        raise UserError(f"IndoNLU's {chosen.title} is no question task but one of {chosen.kind}")
    read: dict[Split, tuple[QuestionPassage, ...]] = {}
    for split in SPLITS:
        path = locate(name, split, location)
        read[split] = read_questions(path, chosen.labels).sentences
        expect_rows(path, len(read[split]), chosen.files[split].rows)
        if split == "test":
            refuse_masked(path, {tag for question in read[split] for tag in question.tags or ()}, REAL_LABELS)
    return QuestionSplits(
        train=read["train"],
        valid=read["valid"],
        test=read["test"],
        labels=chosen.labels,
        sha256={chosen.files[split].path: chosen.files[split].sha256 for split in SPLITS},
    )
