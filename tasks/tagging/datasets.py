"""Data sets of tagging tasks, chosen by ``type``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from elmo_xlstm.config import Registry, Settings
from tasks.absa_e2e import AspectTripletReader, load_absa
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


@tagging_datasets.register("absa_e2e")
class AbsaE2E(Settings):
    """Hotel reviews with aspect spans and their polarity (IndoLEGO-ABSA), as BIOES tags.

    Which spans and polarities the tags keep stands in :mod:`tasks.absa_e2e.tags`.
    """

    type: Literal["absa_e2e"] = "absa_e2e"
    data_dir: Path | None = None
    """Directory of train.txt, dev.txt and test.txt. When it is not set, the environment variable ELMO_XLSTM_ABSA_E2E
    counts, then the cache, which is filled on first use."""

    def load(self) -> TaggingSplits:
        """Read the three splits, checked against the declared table."""
        return load_absa(self.data_dir)

    def reader(self) -> AspectTripletReader:
        """Reads further files of the same form."""
        return AspectTripletReader()
