"""Runs of combining marks without end, which take hours to normalise."""

from __future__ import annotations

import re
import unicodedata

MOST_MARKS = 30
"""On one letter; Unicode's stream-safe text format (UAX 15, section 13) allows as many. No language needs ten."""
_RUN = re.compile(r"[^\s\w!-~]{100,}")  # marks are no letters


def limit_marks(text: str) -> str:
    """A text without the marks beyond thirty in a row, where there are a hundred or more.

    Normal forms order the marks of a letter, in a time that grows with the square of their number.
    """
    return text if text.isascii() else _RUN.sub(_shorten, text)


def _shorten(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
