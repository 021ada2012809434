"""Data sets of tagging tasks, chosen by ``type``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from elmo_xlstm.config import Registry, Settings
from elmo_xlstm.errors import UserError
from tasks.indonlu import DataLocation, load_tagging
from tasks.indonlu.load import TaggingSplits
from tasks.readers.conll import ConllReader

tagging_datasets = Registry("tagging data set")


@tagging_datasets.register("indonlu")
class IndoNLUTagging(Settings):
    """A tagging task of the IndoNLU benchmark."""

    type: Literal["indonlu"] = "indonlu"
    name: Literal["nerp", "nergrit", "posp", "bapos", "terma", "keps"]
    location: DataLocation = DataLocation()
    """Where its files are looked for."""

    def load(self) -> TaggingSplits:
        """Read the three splits, checked against the declared table."""
        return load_tagging(self.name, self.location)

    def reader(self) -> ConllReader:
        """Reads further files of the same form."""
        return ConllReader.Config(columns=2).build()


@tagging_datasets.register("conll")
class ConllFiles(Settings):
    """One's own column files."""

    type: Literal["conll"] = "conll"
    train: Path
    valid: Path
    test: Path
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """All tags that may occur; those of the training file, with B- and I- of every type, by default."""
    format: ConllReader.Config = ConllReader.Config()
    """Columns and separator."""

    def load(self) -> TaggingSplits:
        """Read the three files.

        Raises:
            DataError: a file has problems.
            UserError: a file is missing, or a tag is not among the labels.
        """
        reader = self.reader()
        train = reader.read(self.train, self.labels).sentences
        labels = self.labels or _labels({tag for sentence in train for tag in sentence.tags or ()})
        valid = reader.read(self.valid, labels).sentences
        test = reader.read(self.test, labels).sentences
        files = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.train, self.valid, self.test)
        }
        return TaggingSplits(train, valid, test, labels, files)

    def reader(self) -> ConllReader:
        """Reads further files of the same form."""
        if self.format.tag_column is None:
            raise UserError("task.dataset.format.tag_column: a data set to train on needs a column of tags")
        return self.format.build()


def _labels(found: set[str]) -> tuple[str, ...]:
    """The tags found, completed so that every I-X has its B-X; O first, then by type."""
    completed = found | {f"B{tag[1:]}" for tag in found if tag == "I" or tag.startswith("I-")}
    return tuple(sorted(completed, key=lambda tag: (tag != "O", tag.partition("-")[2], tag)))
