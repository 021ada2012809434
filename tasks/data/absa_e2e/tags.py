"""From opinion triplets to one tag a word.

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

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from elmo_xlstm.tasks.data.absa_e2e.triplets import IMPLICIT, POLARITIES, Triplet

LABELS = ("O", *(f"{mark}-{polarity}" for polarity in POLARITIES for mark in "BIES"))

Span = tuple[int, int]  # first word, last word


@dataclass(frozen=True)
class TagCounts:
    """Counts of triplets by how they were tagged.

    Attributes:
        triplets: all of them.
        implicit: triplets without a word of their aspect.
        spans: spans that were tagged.
        several_polarities: spans that had more than one polarity.
        overlapping: spans left out because a longer one holds some of their words.
        split: aspects whose words do not stand together.
    """

    triplets: int = 0
    implicit: int = 0
    spans: int = 0
    several_polarities: int = 0
    overlapping: int = 0
    split: int = 0

    def __add__(self, other: TagCounts) -> TagCounts:
        """Counts of two lots of triplets together."""
        return TagCounts(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __str__(self) -> str:
        """In words, for the log."""
        return (
            f"{self.triplets} triplets, {self.implicit} of them implicit (no span); {self.spans} spans, of which "
            f"{self.several_polarities} had several polarities (most frequent, then first); {self.overlapping} left "
            f"out for overlap, {self.split} aspects split"
        )

    def _values(self) -> tuple[int, ...]:
        return (self.triplets, self.implicit, self.spans, self.several_polarities, self.overlapping, self.split)


def tag_aspects(length: int, triplets: Sequence[Triplet]) -> tuple[tuple[str, ...], TagCounts]:
    """The tags of a review of ``length`` words, and what was done to reach them.

    Returns:
        ``length`` tags of :data:`LABELS` that keep to the BIOES scheme, and counts.
    """
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
    return tuple(tags), TagCounts(
        triplets=len(triplets),
        implicit=len(triplets) - len(explicit),
        spans=len(kept),
        several_polarities=sum(len(polarities[span]) > 1 for span in kept),
        overlapping=len(polarities) - len(kept),
        split=split,
    )


def _runs(indices: Iterable[int]) -> list[Span]:
    """The runs of neighbouring words among some, each with its first and last."""
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
