"""The hotel reviews with opinion triplets of the public repository IndoLEGO-ABSA: where they are and how they are read.

William and Khodra, "Generative Opinion Triplet Extraction Using Pretrained Language Model", ICAICTA 2022. The texts are
those of IndoNLU's TermA, whose validation file is part of this set's training file; dev and test share no rows with
train beyond a few short sentences that guests write again and again (17 and 24 rows).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from elmo_xlstm.config import Settings
from elmo_xlstm.tasks.data.absa_e2e.tags import LABELS, TagCounts, tag_aspects
from elmo_xlstm.tasks.data.absa_e2e.triplets import parse_line
from elmo_xlstm.tasks.data.examples import Reading, Splits, TaggedSentence
from elmo_xlstm.tasks.data.readers.problems import filled_lines, read_rows
from elmo_xlstm.tasks.data.registries import tagging_datasets
from elmo_xlstm.tasks.data.repository import DataFile, Repository, Split, check_file

logger = logging.getLogger(__name__)

DIRECTORY_VARIABLE = "ELMO_XLSTM_ABSA_E2E"
REPOSITORY = Repository(
    title="the end-to-end ABSA set",
    name="rdyzakya/IndoLEGO-ABSA",
    commit="c5f1864593fe3f3bb450e04aad4dcc4b89b7722e",
    folder="data",
    variable=DIRECTORY_VARIABLE,
    cache="absa_e2e",
)
FILES: dict[Split, DataFile] = {
    "train": DataFile("train.txt", 3000, "33714cfdafa40a5c581cb744845268aeea18450265af67ec572623afa7c20b6d"),
    "valid": DataFile("dev.txt", 1000, "a00d16dcb0bcbc6cde1c9650323145c5d22be33620eff7c812fafe36ec06c690"),
    "test": DataFile(
        "test.txt",
        1000,
        "3f3883f8c25706d79b1c6bbce253bb548b38c4eb4a786f4b14506d3a28a749a0",
        commit="a9c5b8378335f95ff5b5bb068341e1a30b5e9f45",
    ),
}


class AspectTripletReader:
    """From lines such as ``kamar bersih .####[([0], [1], 'POS')]`` to words and BIOES tags.

    Args:
        strict: refuse a file with bad lines; false skips and counts them.
    """

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict

    def read(self, path: Path, labels: Collection[str] = LABELS) -> Reading[TaggedSentence]:
        """Read one file; blank lines are passed over. The fate of the triplets is logged.

        Args:
            path: UTF-8.
            labels: the tags that may occur; only those of :data:`~elmo_xlstm.tasks.data.absa_e2e.tags.LABELS`.

        Raises:
            DataError: strict, and the file has problems: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no review.
        """
        counts = TagCounts()

        def parse(line: str, origin: str) -> TaggedSentence:
            nonlocal counts
            words, triplets = parse_line(line)
            tags, counted = tag_aspects(len(words), triplets)
            counts += counted
            return TaggedSentence(words, tags, origin)

        reading = read_rows(path, filled_lines(path), parse, "review", self.strict)
        logger.info("%s: %d reviews, %s", path, len(reading.examples), counts)
        return reading


def load_absa(data_dir: Path | None = None) -> Splits[TaggedSentence]:
    """Read the three splits, checked against the declared table.

    Args:
        data_dir: directory of train.txt, dev.txt and test.txt; else the environment variable ELMO_XLSTM_ABSA_E2E
            counts, then the cache, which is filled on first use.

    Raises:
        UserError: a file is missing, changed or malformed, or its labels are masked.
    """
    reader = AspectTripletReader()
    read: dict[Split, tuple[TaggedSentence, ...]] = {}
    for split, file in FILES.items():
        path = REPOSITORY.locate(file, data_dir)
        read[split] = reader.read(path).examples
        check_file(path, file, read[split], split, "the file with the real labels")
    sha256 = {file.path: file.sha256 for file in FILES.values()}
    return Splits(read["train"], read["valid"], read["test"], LABELS, sha256)


@tagging_datasets.register("absa_e2e")
class AbsaE2E(Settings):
    """Hotel reviews with aspect spans and their polarity (IndoLEGO-ABSA), as BIOES tags.

    :mod:`elmo_xlstm.tasks.data.absa_e2e.tags` defines which spans and polarities the tags keep.
    """

    type: Literal["absa_e2e"] = "absa_e2e"
    data_dir: Path | None = None
    """Directory of train.txt, dev.txt and test.txt. When it is not set, the environment variable ELMO_XLSTM_ABSA_E2E
    counts, then the cache, which is filled on first use."""

    def load(self) -> Splits[TaggedSentence]:
        """Read the three splits, checked against the declared table."""
        return load_absa(self.data_dir)

    def reader(self) -> AspectTripletReader:
        """Reader of further files of the same form."""
        return AspectTripletReader()
