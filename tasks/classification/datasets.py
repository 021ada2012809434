"""Data sets of classification tasks, chosen by ``type``."""

from __future__ import annotations

from typing import Literal

from elmo_xlstm.config import Registry, Settings
from tasks.indonlu import DataLocation, dataset
from tasks.indonlu.load_labelled import load_labelled, table_reader
from tasks.readers.labelled import LabelledSplits
from tasks.readers.table import TableReader

classification_datasets = Registry("classification data set")


@classification_datasets.register("indonlu")
class IndoNLUClassification(Settings):
    """A task of the IndoNLU benchmark in which a text has one label: sentiment (smsa) or emotion (emot)."""

    type: Literal["indonlu"] = "indonlu"
    name: Literal["smsa", "emot"]
    location: DataLocation = DataLocation()
    """Where its files are looked for."""

    def load(self) -> LabelledSplits:
        """Read the three splits, checked against the declared table."""
        return load_labelled(self.name, "classification", self.location)

    def reader(self) -> TableReader:
        """Reads further files of the same form."""
        return table_reader(dataset(self.name))
