"""Data sets of pair tasks, chosen by ``type``."""

from __future__ import annotations

from typing import Literal

from elmo_xlstm.config import Registry, Settings
from tasks.indonlu import DataLocation, dataset
from tasks.indonlu.load_labelled import load_labelled, table_reader
from tasks.readers.labelled import LabelledSplits
from tasks.readers.table import TableReader

pair_datasets = Registry("pair data set")


@pair_datasets.register("indonlu")
class IndoNLUPairs(Settings):
    """The task of the IndoNLU benchmark in which a pair of texts has a label: entailment (wrete)."""

    type: Literal["indonlu"] = "indonlu"
    name: Literal["wrete"] = "wrete"
    location: DataLocation = DataLocation()
    """Where its files are looked for."""

    def load(self) -> LabelledSplits:
        """Read the three splits, checked against the declared table."""
        return load_labelled(self.name, "pair", self.location)

    def reader(self) -> TableReader:
        """Reads further files of the same form."""
        return table_reader(dataset(self.name))
