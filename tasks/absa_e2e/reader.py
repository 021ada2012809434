"""Reads files of opinion triplets as tagged sentences."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from tasks.absa_e2e.tags import LABELS, TagCounts, tag_aspects
from tasks.absa_e2e.triplets import parse_line
from tasks.readers.problems import filled_lines, parse_rows
from tasks.readers.sentence import Reading, TaggedSentence

logger = logging.getLogger(__name__)


class AspectTripletReader:
    """From lines such as ``kamar bersih .####[([0], [1], 'POS')]`` to words and BIOES tags.

    Args:
        strict: refuse a file with bad lines; false skips and counts them.
    """

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict

    def read(self, path: Path, labels: Collection[str] = LABELS) -> Reading:
        """Read one file; blank lines are passed over. What became of the triplets is logged.

        Args:
            path: UTF-8.
            labels: the tags that may occur; no others are made than :data:`~tasks.absa_e2e.tags.LABELS`.

        Raises:
            DataError: strict, and the file has problems: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no review.
        """
        problems: list[str] = []
        counts = TagCounts()

        def parse(line: str, origin: str) -> TaggedSentence:
            nonlocal counts
            words, triplets = parse_line(line)
            tags, counted = tag_aspects(len(words), triplets)
            counts += counted
            return TaggedSentence(words, tags, origin)

        sentences = tuple(parse_rows(path, filled_lines(path), parse, "review", self.strict, problems))
        logger.info("%s: %d reviews, %s", path, len(sentences), counts)
        return Reading(sentences, tuple(problems), len(problems))
