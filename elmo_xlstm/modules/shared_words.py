"""How far the words of two texts are the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence, Set

SHARED = (
    "words of the first that the second has",
    "words of the second that the first has",
    "word pairs of the first that the second has",
    "word pairs of the second that the first has",
    "shorter length by longer",
)
"""What :func:`shared_words` gives."""
OVERLAP = (
    *SHARED,
    "whether the first has a word with a digit that the second lacks",
    "whether the second has a word with a digit that the first lacks",
)
"""What :func:`overlap` gives."""


def shared_words(one: Sequence[str], other: Sequence[str]) -> list[float]:
    """Shares between 0 and 1, as :data:`SHARED` names them, of two texts that are not empty."""
    pairs = [set(zip(words, words[1:], strict=False)) for words in (one, other)]
    return [
        *_shares(set(one), set(other)),
        *_shares(*pairs),
        min(len(one), len(other)) / max(len(one), len(other)),
    ]


def overlap(one: Sequence[str], other: Sequence[str]) -> list[float]:
    """Shares of two texts' words in any casing, and 1 or 0 for numbers, as :data:`OVERLAP` names them."""
    one, other = ([word.lower() for word in words] for words in (one, other))
    numbers = [{word for word in words if any(map(str.isdigit, word))} for words in (one, other)]
    return [*shared_words(one, other), float(bool(numbers[0] - numbers[1])), float(bool(numbers[1] - numbers[0]))]


def _shares(one: Set[object], other: Set[object]) -> list[float]:
    """Of each set, the share that the other has; 0 of an empty one."""
    common = len(one & other)
    return [common / max(1, len(one)), common / max(1, len(other))]


def shared_runs(one: Sequence[str], other: Sequence[str]) -> list[int]:
    """For each word of the first text, the words of the longest sequence through it that the second holds too."""
    runs = [0] * len(one)
    for start, at in itertools.product(range(len(one)), range(len(other))):
        pairs = zip(one[start:], other[at:], strict=False)
        length = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        for position in range(start, start + length):
            runs[position] = max(runs[position], length)
    return runs
