"""What stands between the columns of a file, and whether its first line names them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

WHITE_SPACE = re.compile("[ \t]+")
LOOKED_AT = 1000
"""Lines from which a separator is told."""
TEXT_NAMES = frozenset("word words token tokens form kata text texts teks sentence sentences kalimat review".split())
LABEL_NAMES = frozenset(
    "tag tags label labels ner ner_tag ner_tags ne pos pos_tag pos_tags upos xpos entity class kelas sentiment".split()
)


def split_columns(line: str, separator: str | None) -> list[str]:
    """The values of a line.

    Args:
        line: without its end.
        separator: what stands between them; None for any run of spaces and tabs, also at the line's ends.
    """
    return line.split(separator) if separator is not None else WHITE_SPACE.split(line.strip(" \t"))


def shown_separator(separator: str | None) -> str:
    """What stands between columns, for messages."""
    return {"\t": "tabs", None: "spaces or tabs"}.get(separator, repr(separator))


def most_common(counts: Iterable[int]) -> int:
    """The number of columns that most rows have, the greatest of several; 0 if there are none."""
    found = Counter(counts)
    return max(found, key=lambda count: (found[count], count), default=0)


def other_separator(lines: Sequence[str], separator: str | None) -> str:
    """Advice for a file that has but one column: the separator that makes several of nearly all lines, as many of each.

    Args:
        lines: of the file.
        separator: that makes one.
    """
    for other in ("\t", ";", "|", " ", ",", None):
        if other == separator:
            continue
        counts = Counter(len(split_columns(line, other)) for line in lines[:LOOKED_AT])
        columns, count = counts.most_common(1)[0]
        if columns > 1 and count >= 0.9 * sum(counts.values()):
            setting = "null (any run of spaces and tabs)" if other is None else repr(other)
            return f"set separator: {setting}, which makes {columns} columns of them"
    return "see what stands between the columns, and set separator to it"


def is_header(texts: Sequence[Sequence[str]], labels: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like names of columns: ``word`` and ``tag``, which is no label of any other row.

    Args:
        texts: of each row.
        labels: of each row.
    """
    if not texts or not {text.strip().lower() for text in texts[0]} <= TEXT_NAMES:
        return False
    return {label.strip().lower() for label in labels[0]} <= LABEL_NAMES and labels[0] not in labels[1:]
