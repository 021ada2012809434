"""Reads files of opinion triplets as tagged sentences."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from tasks.absa_e2e.tags import LABELS, TagCounts, tag_aspects
from tasks.absa_e2e.triplets import parse_line
from tasks.readers.problems import read_lines, refuse_or_warn
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
        sentences: list[TaggedSentence] = []
        problems: list[str] = []
        counts = TagCounts()
        for number, line in enumerate(read_lines(path), start=1):
            if not line.strip():
                continue
            origin = f"{path}:{number}"
            try:
                words, triplets = parse_line(line)
            except ValueError as error:
                problems.append(f"{origin}: {error}")
                continue
            tags, counted = tag_aspects(len(words), triplets)
            counts += counted
            sentences.append(TaggedSentence(words, tags, origin))
        skipped = len(problems)
        refuse_or_warn(path, problems, skipped, self.strict)
        if not sentences:
            problems.append(f"{path}: holds no review")
            refuse_or_warn(path, problems, skipped, strict=True)
        logger.info("%s: %d reviews, %s", path, len(sentences), counts)
        return Reading(tuple(sentences), tuple(problems), skipped)
