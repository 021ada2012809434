"""Examples from rows of named values, whatever kind of file the rows came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tasks.readers.json_line import HALF_CHARACTER, SURROGATE, parse_json
from tasks.readers.label_values import kind_of, read_label
from tasks.readers.labelled import LabelledText
from tasks.readers.sentence import TaggedSentence


def labelled_row(
    texts: Mapping[str, Any],
    labels: Mapping[str, Any],
    names: Mapping[str, str],
    known: Collection[str] | None,
    origin: str,
) -> LabelledText:
    """Texts with their labels.

    Args:
        texts: values of the columns of texts, by what messages call the column.
        labels: values of the columns of labels, likewise.
        names: what labels are called instead; see :func:`~tasks.readers.label_values.read_label`.
        known: labels that may occur; ``None`` accepts any.
        origin: ``file:line``.

    Raises:
        ValueError: says what is wrong with the row.
    """
    read = []
    for column, value in texts.items():
        if not isinstance(value, str):
            raise ValueError(f"expected a text in column '{column}', found {kind_of(value)}")
        if not value.strip():
            raise ValueError(f"empty text in column '{column}'")
        read.append(_whole(value))
    found = [read_label(value, names, known, f" in column '{column}'") for column, value in labels.items()]
    return LabelledText.of_texts(read, found, origin)


def tagged_row(
    words: Any,
    tags: Any,
    columns: tuple[str, str],
    names: Mapping[str, str],
    known: Collection[str] | None,
    origin: str,
) -> TaggedSentence:
    """A sentence with its tags.

    Args:
        words: should be a list of texts.
        tags: should be a list of as many tags.
        columns: what messages call the two.
        names: what tags are called instead; see :func:`~tasks.readers.label_values.read_label`.
        known: tags that may occur; ``None`` accepts any.
        origin: ``file:line``.

    Raises:
        ValueError: says what is wrong with the row.
    """
    for values, column in zip((words, tags), columns, strict=True):
        if not isinstance(values, list) or not values:
            found = "an empty list" if values == [] else kind_of(values)
            raise ValueError(f"expected a list in '{column}', one item for each word, found {found}")
    if len(words) != len(tags):
        raise ValueError(f"{len(words)} words in '{columns[0]}' but {len(tags)} tags in '{columns[1]}'")
    for number, word in enumerate(words, start=1):
        if not isinstance(word, str) or not word.strip():
            found = kind_of(word) if not isinstance(word, str) else "an empty text"
            raise ValueError(f"expected a word at place {number} of '{columns[0]}', found {found}")
        _whole(word)
    read = [read_label(tag, names, known, f" at place {n} of '{columns[1]}'") for n, tag in enumerate(tags, start=1)]
    return TaggedSentence(tuple(word.strip() for word in words), tuple(read), origin)


def parse_object(line: str, expected: str) -> dict[str, Any]:
    """The object of one JSON line.

    Args:
        line: of the file.
        expected: what it should be, for messages: ``an object with the keys 'text', 'label'``.

    Raises:
        ValueError: it is none.
    """
    value = parse_json(line, f"expected {expected} a line")
    if not isinstance(value, dict):
        raise ValueError(f"expected {expected} a line, found {kind_of(value)}")
    return value


def missing_keys(row: Mapping[str, Any], keys: Collection[str]) -> str:
    """Which of the keys a row lacks, in words; empty if none."""
    missing = [f"'{key}'" for key in keys if key not in row]
    has = ", ".join(f"'{key}'" for key in row) or "none"
    return f"no key {', '.join(missing)}; there are: {has}" if missing else ""


def _whole(text: str) -> str:
    """The text, if it can be written as UTF-8."""
    if SURROGATE.search(text):
        raise ValueError(HALF_CHARACTER)
    return text
