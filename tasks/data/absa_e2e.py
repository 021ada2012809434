"""End-to-end aspect-based sentiment: which words are an aspect, and what is thought of it, one BIOES tag a word.

Hotel reviews with opinion triplets of the public repository IndoLEGO-ABSA: William and Khodra, "Generative Opinion
Triplet Extraction Using Pretrained Language Model", ICAICTA 2022. The texts are those of IndoNLU's TermA, whose
validation file is part of this set's training file; dev and test share no rows with train beyond a few short sentences
that guests write again and again (17 and 24 rows).

A sequence of tags holds spans that do not overlap, each with one polarity. Triplets say more, so what the tags keep is
defined here; the numbers are of train, dev and test:

- **An aspect with several opinions** (5,360, 1,706 and 2,005 spans from 6,257, 1,989 and 2,291 explicit triplets) is
  one span.
- **Several polarities on one span** (66, 17, 22 spans): the polarity of most of its triplets; of equally many, the one
  that comes first in the line.
- **Overlapping spans** (3, 1, 2 pairs, each a span within another): the longer one stays; of equal length, the one that
  begins first. The other is left out.
- **Implicit aspects**, index -1 (1,294, 469, 418 triplets), are in no span and leave no tag. A review in which all
  aspects are implicit (481, 197, 116 of the reviews have none or only such) is a sentence of O and stays in the data: a
  span predicted in it is wrong.
- **Words that do not stand together** as one aspect do not occur. Read from a file of one's own, each run of
  neighbouring words is a span of the same polarity.

Polarities that are passed over and spans that are left out are counted; scores are against the tags, so that every
system that is scored has the same gold. Tags are BIOES, because two aspects may stand side by side.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.config import Settings
from elmo_xlstm.tasks.data.examples import Reading, Splits, TaggedSentence
from elmo_xlstm.tasks.data.readers.literal import parse_literal, shorten, shown
from elmo_xlstm.tasks.data.readers.problems import filled_lines, read_rows
from elmo_xlstm.tasks.data.registries import tagging_datasets
from elmo_xlstm.tasks.data.repository import DataFile, Repository, Split, check_file

logger = logging.getLogger(__name__)

REPOSITORY = Repository(
    title="the end-to-end ABSA set",
    name="rdyzakya/IndoLEGO-ABSA",
    commit="c5f1864593fe3f3bb450e04aad4dcc4b89b7722e",
    folder="data",
    variable="ELMO_XLSTM_ABSA_E2E",
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

SEPARATOR = "####"
POLARITIES = ("POS", "NEG", "NEU")
IMPLICIT = (-1,)
LABELS = ("O", *(f"{mark}-{polarity}" for polarity in POLARITIES for mark in "BIES"))

Span = tuple[int, int]  # first word, last word


@dataclass(frozen=True)
class Triplet:
    """An opinion on an aspect."""

    aspect: tuple[int, ...]  # indices of its words; IMPLICIT for an aspect that is not in the text
    polarity: str


def parse_line(line: str) -> tuple[tuple[str, ...], tuple[Triplet, ...]]:
    """The words and the triplets of a line, ``words####[(aspect, opinion, polarity), ...]``; ValueError if it is none.

    The opinion's words are checked and not kept.
    """
    text, separator, annotation = line.partition(SEPARATOR)
    if not separator:
        raise ValueError(f"no '{SEPARATOR}' between words and triplets")
    words = tuple(text.split())
    if not words:
        raise ValueError(f"no words before '{SEPARATOR}'")
    values = parse_literal(annotation)
    if not isinstance(values, list):
        raise ValueError(f"triplets are a list, not {shorten(annotation)}")
    return words, tuple(_triplet(value, len(words)) for value in values)


def _triplet(value: Any, length: int) -> Triplet:
    if not isinstance(value, tuple) or len(value) != 3:
        raise ValueError(f"a triplet is ([aspect words], [opinion words], polarity), not {shown(value)}")
    aspect, opinion, polarity = value
    if not isinstance(polarity, str) or polarity not in POLARITIES:
        raise ValueError(f"polarity {shown(polarity)} is none of {', '.join(POLARITIES)}")
    indices = _indices(aspect, "aspect", length)
    _indices(opinion, "opinion", length)
    return Triplet(indices, polarity)


def _indices(value: Any, name: str, length: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(type(index) is int for index in value):
        raise ValueError(f"{name} words are a list of indices, not {shown(value)}")
    indices = tuple(value)
    if indices != IMPLICIT and not all(0 <= index < length for index in indices):
        raise ValueError(f"{name} words {shown(value)} are not among the {length} words (or -1 alone)")
    return indices


def tag_aspects(length: int, triplets: Sequence[Triplet]) -> tuple[tuple[str, ...], Counter[str]]:
    """The tags of a review of ``length`` words, and how many triplets and spans met which fate."""
    polarities: dict[Span, Counter[str]] = {}
    explicit = [triplet for triplet in triplets if triplet.aspect != IMPLICIT]
    split = 0
    for triplet in explicit:
        runs = _runs(triplet.aspect)
        split += len(runs) > 1
        for run in runs:
            polarities.setdefault(run, Counter())[triplet.polarity] += 1
    tags = ["O"] * length
    kept = _without_overlap(polarities)
    for first, last in kept:
        # most_common keeps the order of first occurrence among equals
        polarity = polarities[first, last].most_common(1)[0][0]
        marks = "S" if first == last else "B" + "I" * (last - first - 1) + "E"
        tags[first : last + 1] = [f"{mark}-{polarity}" for mark in marks]
    return tuple(tags), Counter(
        triplets=len(triplets),
        implicit=len(triplets) - len(explicit),
        spans=len(kept),
        several_polarities=sum(len(polarities[span]) > 1 for span in kept),
        overlapping=len(polarities) - len(kept),
        split=split,
    )


def _runs(indices: Iterable[int]) -> list[Span]:
    runs: list[Span] = []
    for index in sorted(set(indices)):
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _without_overlap(spans: Iterable[Span]) -> list[Span]:
    """The spans that share no word with a longer one that is kept (with an earlier one of the same length)."""
    kept: list[Span] = []
    for first, last in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(last < other_first or other_last < first for other_first, other_last in kept):
            kept.append((first, last))
    return kept


class AspectTripletReader:
    """From lines such as ``kamar bersih .####[([0], [1], 'POS')]`` to tags; ``strict`` refuses others."""

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict

    def read(self, path: Path, labels: Collection[str] = LABELS) -> Reading[TaggedSentence]:
        """Read one file; blank lines are passed over, bad ones refused or skipped. The triplets' fate is logged."""
        counts = Counter[str]()

        def parse(line: str, origin: str) -> TaggedSentence:
            words, triplets = parse_line(line)
            tags, counted = tag_aspects(len(words), triplets)
            counts.update(counted)
            return TaggedSentence(words, tags, origin)

        reading = read_rows(path, filled_lines(path), parse, "review", self.strict)
        fate = (
            f"{counts['triplets']} triplets, {counts['implicit']} of them implicit (no span); {counts['spans']} spans, "
            f"of which {counts['several_polarities']} had several polarities (most frequent, then first); "
            f"{counts['overlapping']} left out for overlap, {counts['split']} aspects split"
        )
        logger.info("%s: %d reviews, %s", path, len(reading.examples), fate)
        return reading


def load_absa(data_dir: Path | None = None) -> Splits[TaggedSentence]:
    """Read the three splits, checked against the declared table; for ``data_dir`` see :class:`AbsaE2E`."""
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
    """Hotel reviews with aspect spans and their polarity (IndoLEGO-ABSA), as BIOES tags."""

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
