"""What the columns of a CoNLL file are: the word, the tag, the scheme of the tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.tag_scheme import SchemeName
from elmo_xlstm.tasks.data.readers.columns import is_header, most_common, shown_separator, split_columns
from elmo_xlstm.tasks.data.readers.conll import DOCUMENT_START
from elmo_xlstm.tasks.data.readers.problems import read_lines

LOOKED_AT = 20_000
"""Lines from which columns are told."""
CONLL_U = 10
UPOS = 3
"""Columns of CoNLL-U, and the one of universal parts of speech."""
EVEN = 0.8
"""The share of lines that has to have the same number of columns."""
MOST_TAGS = 300
PREFIXES: dict[SchemeName, str] = {"bio": "BI", "bioes": "BIES"}
BILOU = {"L": "E", "U": "S"}


@dataclass(frozen=True)
class ColumnFile:
    """What a column file is taken for.

    Attributes:
        dataset: settings of the data set, but for its files.
        scheme: of the tags.
        sentences: how many were looked at.
        reasons: what was found, a line each.
    """

    dataset: dict[str, Any]
    scheme: SchemeName
    sentences: int
    reasons: tuple[str, ...]


def guess_column_file(
    path: Path, words: Sequence[str], tags: Sequence[str], separator: str | None = None, header: bool | None = None
) -> ColumnFile:
    """Tell separator, columns and scheme of a file with a word a line; the arguments are what the user says of it.

    Raises:
        UserError: the lines have one column, or different numbers of them, or no column looks like tags.
    """
    read = list(islice(read_lines(path), LOOKED_AT))
    sentences = sum(bool(line.strip()) and not before.strip() for before, line in zip(["", *read], read, strict=False))
    lines = [line for line in read if line.strip()]
    comment = "# " if any(line.startswith("# ") for line in lines[:1]) else None
    lines = [line for line in lines if not (comment and line.startswith(comment))]
    between = separator or ("\t" if _mostly_has(lines, "\t") else None)
    rows = [row for row in (split_columns(line, between) for line in lines) if row[0] != DOCUMENT_START]
    width = most_common(map(len, rows))
    whole = [row for row in rows if len(row) == width]
    if width < 2 or len(whole) < EVEN * len(rows):
        raise UserError(
            f"{path}: is no column file: {len(whole)} of {len(rows)} lines have {width} columns (separated by "
            f"{shown_separator(between)}), the others more or fewer; plain text has no labels to learn from. If "
            "something else stands between columns, say it: --separator"
        )
    settings: dict[str, Any] = {"separator": between}
    if comment:
        settings["comment"] = comment
    numbered = all(row[0].split("-")[0].split(".")[0].isdecimal() for row in whole)
    universal = numbered and width == CONLL_U
    if universal:
        settings |= {"id_column": 0, "columns": CONLL_U}
    word = _place(path, words, width) if words else int(numbered and width > 2)
    if header is None:
        header = is_header([row[word : word + 1] for row in whole], [row[-1:] for row in whole])
    if header:
        settings["header"], whole = True, whole[1:]
    if tags:
        tag = _place(path, tags, width)
    else:
        tag = UPOS if universal else _tag_column(path, whole, word, width)
    settings |= {"word_column": word, "tag_column": tag}
    scheme, names, reasons = schemes_of({row[tag].strip() for row in whole})
    dataset = {"type": "conll", "format": settings, **({"label_names": names} if names else {})}
    found = f"{width} columns separated by {shown_separator(between)}: words in {word}, tags in {tag} (counted from 0)"
    return ColumnFile(dataset, scheme, sentences, (found, *reasons))


def schemes_of(tags: Collection[str]) -> tuple[SchemeName, dict[str, str], list[str]]:
    """The scheme of tags, new names for those of BILOU, and what was found."""
    prefixes = Counter(tag.partition("-")[0] for tag in tags if tag not in ("O", ""))
    dashed = all("-" in tag or tag in ("O", "", "B", "I") for tag in tags)
    used = set(prefixes)
    if prefixes and dashed and used <= set("BILU") and used & set(BILOU):
        names = {tag: f"{BILOU[tag[0]]}{tag[1:]}" for tag in sorted(tags) if tag[:1] in BILOU}
        return "bioes", names, ["tags of scheme BILOU, read as BIOES"]
    for name, letters in PREFIXES.items():
        if prefixes and dashed and used <= set(letters):
            return name, {}, [f"tags of scheme {name.upper()}"]
    return "none", {}, ["tags that mark no spans: a label for each word"]


def _mostly_has(lines: Sequence[str], separator: str) -> bool:
    return sum(separator in line for line in lines) > len(lines) / 2


def _place(path: Path, columns: Sequence[str], width: int) -> int:
    """The number of the one column that the user names."""
    (column,) = columns if len(columns) == 1 else ("",)
    try:
        place = int(column)
    except ValueError:
        raise UserError(f"{path}: a column of a column file is its number, once, from 0: got {columns}") from None
    if not -width <= place < width:
        raise UserError(f"{path}: {width} columns, so none with the number {place}")
    return place % width


def _tag_column(path: Path, rows: Sequence[Sequence[str]], word: int, width: int) -> int:
    """The last column with tags of spans, or else the last with few values."""
    few = []
    for place in range(width):
        values = {row[place].strip() for row in rows}
        if place != word and 1 < len(values) <= min(MOST_TAGS, len(rows) / 2):
            few.append((schemes_of(values)[0] != "none", place))
    if not few:
        raise UserError(f"{path}: none of its {width} columns looks like tags; say which: --label-column NUMBER")
    return max(few)[1]
