"""Lines of opinion triplets: words, ``####``, and a Python list of (aspect, opinion, polarity)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elmo_xlstm.tasks.data.readers.literal import parse_literal, shorten, shown

SEPARATOR = "####"
POLARITIES = ("POS", "NEG", "NEU")
IMPLICIT = (-1,)


@dataclass(frozen=True)
class Triplet:
    """An opinion on an aspect.

    Attributes:
        aspect: indices of the aspect's words; ``(-1,)`` for an aspect that is not in the text.
        polarity: POS, NEG or NEU.
    """

    aspect: tuple[int, ...]
    polarity: str


def parse_line(line: str) -> tuple[tuple[str, ...], tuple[Triplet, ...]]:
    """The words and the triplets of one line; the opinion's words are checked and not kept.

    Raises:
        ValueError: says what is wrong with the line.
    """
    text, separator, annotation = line.partition(SEPARATOR)
    if not separator:
        raise ValueError(f"no '{SEPARATOR}' between words and triplets")
    words = tuple(text.split())
    if not words:
        raise ValueError(f"no words before '{SEPARATOR}'")
    values = parse_literal(annotation)
    if not isinstance(values, list):
        raise ValueError(f"triplets are a list, not {shorten(annotation)}")
    return words, tuple(_triplet(value, len(words)) for value in values)


def _triplet(value: Any, length: int) -> Triplet:
    if not isinstance(value, tuple) or len(value) != 3:
        raise ValueError(f"a triplet is ([aspect words], [opinion words], polarity), not {shown(value)}")
    aspect, opinion, polarity = value
    if not isinstance(polarity, str) or polarity not in POLARITIES:
        raise ValueError(f"polarity {shown(polarity)} is none of {', '.join(POLARITIES)}")
    indices = _indices(aspect, "aspect", length)
    _indices(opinion, "opinion", length)
    return Triplet(indices, polarity)


def _indices(value: Any, name: str, length: int) -> tuple[int, ...]:
    """Indices of words, or ``(-1,)``."""
    if not isinstance(value, list) or not value or not all(type(index) is int for index in value):
        raise ValueError(f"{name} words are a list of indices, not {shown(value)}")
    indices = tuple(value)
    if indices != IMPLICIT and not all(0 <= index < length for index in indices):
        raise ValueError(f"{name} words {shown(value)} are not among the {length} words (or -1 alone)")
    return indices
