"""Data sets of aspect tasks, chosen by ``type``."""

from __future__ import annotations

from typing import Literal

from elmo_xlstm.config import Registry, Settings
from tasks.indonlu import DataLocation, dataset
from tasks.indonlu.load_labelled import load_labelled, table_reader
from tasks.readers.labelled import LabelledSplits
from tasks.readers.table import TableReader

aspect_datasets = Registry("aspect data set")


@aspect_datasets.register("indonlu")
class IndoNLUAspects(Settings):
    """A task of the IndoNLU benchmark in which each aspect of a review has a label: cars (casa) or hotels (hoasa)."""

    type: Literal["indonlu"] = "indonlu"
    name: Literal["casa", "hoasa"]
    location: DataLocation = DataLocation()
    """Where its files are looked for."""

    def load(self) -> LabelledSplits:
        """Read the three splits, checked against the declared table."""
        return load_labelled(self.name, "aspects", self.location)

    def reader(self) -> TableReader:
        """Reads further files of the same form."""
        return table_reader(dataset(self.name))
