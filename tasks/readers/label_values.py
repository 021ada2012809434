"""Labels as they stand in data files: texts, or numbers that stand for texts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from tasks.readers.json_line import HALF_CHARACTER, SURROGATE

WHOLE = re.compile(r"\A([+-]?[0-9]+)\.0+\Z")
"""A whole number as programs write it that keep a column with empty places as fractions: 1.0 for 1."""


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
    """What kind of JSON value something is, in words."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else f"a {type(value).__name__}")
