"""Words of plain text, cut much as the benchmark's files are."""

from __future__ import annotations

import re

WORD = re.compile(
    r"""
    \d+(?:[.,:/-]\d+)*(?!\w)      # numbers with their inner marks: 1.500,25  12/05/2018  10:30  2-1
  | \w+(?:[-'’]\w+)*              # words; reduplications and inner apostrophes stay whole: anak-anak  jum'at  4g
  | \.{2,}                        # an ellipsis
  | [^\w\s]                       # any other mark on its own
    """,
    re.VERBOSE,
)


def split_words(text: str) -> list[str]:
    """Split plain text at white space and punctuation.

    Every character that is no white space ends up in exactly one word, in order.
    """
    return WORD.findall(text)
