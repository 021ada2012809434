"""Columns of a file: CSV rows, the character between columns, and whether the first line names them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.problems import read_lines

WHITE_SPACE = re.compile("[ \t]+")
LARGEST_FIELD = 1 << 24
LOOKED_AT = 1000
"""Lines from which a separator is told."""
TEXT_NAMES = frozenset("word words token tokens form kata text texts teks sentence sentences kalimat review".split())
LABEL_NAMES = frozenset(
    "tag tags label labels ner ner_tag ner_tags ne pos pos_tag pos_tags upos xpos entity class kelas sentiment".split()
)


def csv_rows(path: Path, problem: str, separator: str = ",", quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line where it begins.

    Args:
        path: of the file; see :func:`~elmo_xlstm.tasks.data.readers.problems.read_lines`.
        problem: message for a row that is none, with a place for the reason.
        separator: character between columns.
        quoted: whether fields may stand in double quotes, and then hold separators and line ends.

    Raises:
        UserError: quotes are not closed, or a field is longer than 16 Mi characters.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    before = csv.field_size_limit(LARGEST_FIELD)
    rows = csv.reader((f"{line}\n" for line in read_lines(path)), delimiter=separator, quoting=quoting, strict=True)
    line = 1
    try:
        for row in rows:
            if row:
                yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        # The rows after it cannot be told apart any more, so that nothing is skipped here.
        raise UserError(f"{path}:{line}: {problem.format(error)}") from None
    finally:
        csv.field_size_limit(before)


def split_columns(line: str, separator: str | None) -> list[str]:
    """The values of a line.

    Args:
        line: without its end.
        separator: what stands between them; None for any run of spaces and tabs, also at the line's ends.
    """
    return line.split(separator) if separator is not None else WHITE_SPACE.split(line.strip(" \t"))


def shown_separator(separator: str | None) -> str:
    """The separator of columns, for messages."""
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
