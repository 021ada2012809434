"""How far the two texts of a pair say the same, in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

import numpy as np

from tasks.predictor import Texts, Words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NAMES = (
    "words of the first that the second has",
    "words of the second that the first has",
    "word pairs of the first that the second has",
    "word pairs of the second that the first has",
    "shorter length by longer",
    "cosine of word n-grams",
    "cosine of character n-grams",
)
"""The columns, each between 0 and 1."""


def overlaps(texts: Sequence[Texts], first: Sequence[csr_matrix], second: Sequence[csr_matrix]) -> np.ndarray:
    """(N, 7) overlaps of N pairs.

    Args:
        texts: the pairs.
        first: vectors of the first texts, those of words and those of characters, with rows of length 1.
        second: of the second texts.
    """
    cosines = [np.asarray(one.multiply(other).sum(axis=1)) for one, other in zip(first, second, strict=True)]
    return np.hstack([np.array([_shared(one, other) for one, other in texts]), *cosines])


def _shared(one: Words, other: Words) -> list[float]:
    pairs = [set(zip(words, words[1:], strict=False)) for words in (one, other)]
    return [
        *_shares(set(one), set(other)),
        *_shares(*pairs),
        min(len(one), len(other)) / max(len(one), len(other)),
    ]


def _shares(one: Set[object], other: Set[object]) -> list[float]:
    """Of each set, the share that the other has; 0 of an empty one."""
    common = len(one & other)
    return [common / max(1, len(one)), common / max(1, len(other))]
