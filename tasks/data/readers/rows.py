"""Examples from rows of named values, whatever kind of file the rows came from."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from elmo_xlstm.tasks.data.examples import LabelledText, TaggedSentence

SURROGATE = re.compile("[\ud800-\udfff]")
HALF_CHARACTER = "holds half a character (a lone surrogate such as \\ud800); write it as UTF-8"
WHOLE = re.compile(r"\A([+-]?[0-9]+)\.0+\Z")
"""A whole number as programs write it that keep a column with empty places as fractions: 1.0 for 1."""


def labelled_row(
    texts: Mapping[str, Any],
    labels: Mapping[str, Any],
    names: Mapping[str, str],
    known: Collection[str] | None,
    origin: str,
) -> LabelledText:
    """Texts with their labels.

    Args:
        texts: values of the columns of texts, by what messages call the column; or lists of words.
        labels: values of the columns of labels, likewise.
        names: what labels are called instead; see :func:`read_label`.
        known: labels that may occur; ``None`` accepts any.
        origin: ``file:line``.

    Raises:
        ValueError: says what is wrong with the row.
    """
    read: list[str | list[str]] = []
    for column, value in texts.items():
        if isinstance(value, list):
            read.append(_word_list(value, column))
            continue
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
        names: what tags are called instead; see :func:`read_label`.
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
    stripped = _word_list(words, columns[0])
    read = [read_label(tag, names, known, f" at place {n} of '{columns[1]}'") for n, tag in enumerate(tags, start=1)]
    return TaggedSentence(tuple(stripped), tuple(read), origin)


def _word_list(words: list[Any], column: str) -> list[str]:
    """The words of a list, without blanks around them.

    Raises:
        ValueError: the list is empty, or one of them is no word.
    """
    if not words:
        raise ValueError(f"empty text in column '{column}'")
    for number, word in enumerate(words, start=1):
        if not isinstance(word, str) or not word.strip():
            found = kind_of(word) if not isinstance(word, str) else "an empty text"
            raise ValueError(f"expected a word at place {number} of '{column}', found {found}")
        _whole(word)
    return [word.strip() for word in words]


def _whole(text: str) -> str:
    """The text, if it can be written as UTF-8."""
    if SURROGATE.search(text):
        raise ValueError(HALF_CHARACTER)
    return text


def read_label(value: Any, names: Mapping[str, str], known: Collection[str] | None, where: str = "") -> str:
    """The label that a value of a file stands for.

    Args:
        value: a text, a whole number, true or false, or None for an empty place. A text 1.0 is 1, unless ``names`` or
            ``known`` have it.
        names: what labels of the file are called instead, by their text in the file: ``{"0": "negative"}``; the
            empty text names what an empty place stands for.
        known: labels that may occur; ``None`` accepts any.
        where: in which column or at which word, for messages.

    Raises:
        ValueError: says what is wrong with it.
    """
    text = _text(value, where)
    if text not in names and text not in (known or ()):
        text = WHOLE.sub(r"\1", text)
    label = names.get(text, text)
    if not label:
        raise ValueError(f"empty label{where}")
    if known is not None and label not in known:
        near = difflib.get_close_matches(label, known, n=1, cutoff=0.7)
        raise ValueError(f"unknown label {label!r:.200}{where}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return label


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if SURROGATE.search(value):
            raise ValueError(HALF_CHARACTER)
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as some libraries write whole numbers beside empty places
    if isinstance(value, int):
        return str(value)
    raise ValueError(f"expected a label{where} as a text or a whole number, found {kind_of(value)}")


def kind_of(value: Any) -> str:
    """The kind of a JSON value, in words."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else f"a {type(value).__name__}")
