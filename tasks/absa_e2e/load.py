"""The hotel reviews with opinion triplets of the public repository IndoLEGO-ABSA: where they are and how they are read.

William and Khodra, "Generative Opinion Triplet Extraction Using Pretrained Language Model", ICAICTA 2022. The texts are
those of IndoNLU's TermA, whose validation file is part of this set's training file; dev and test share no rows with
train beyond a few short sentences that guests write again and again (17 and 24 rows).
"""

from __future__ import annotations

from pathlib import Path

from tasks.absa_e2e.reader import AspectTripletReader
from tasks.absa_e2e.tags import LABELS
from tasks.indonlu.datasets import Split
from tasks.indonlu.load import TaggingSplits
from tasks.readers.sentence import TaggedSentence
from tasks.repository import DataFile, Repository, expect_rows, refuse_masked

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


def load_absa(data_dir: Path | None = None) -> TaggingSplits:
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
        read[split] = reader.read(path).sentences
        expect_rows(path, len(read[split]), file.rows)
        if split == "test":
            refuse_masked(path, {tag for sentence in read[split] for tag in sentence.tags or ()})
    return TaggingSplits(
        train=read["train"],
        valid=read["valid"],
        test=read["test"],
        labels=LABELS,
        sha256={file.path: file.sha256 for file in FILES.values()},
    )
