"""Features of a classical tagger: the word, its affixes and shape, and its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from elmo_xlstm.tasks.data.examples import Words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

WINDOW = 2
LONGEST_AFFIX = 4

Key = tuple[str, ...]
"""A place and the words there; equal keys have equal features."""
Keys = Callable[[Words], list[list[Key]]]
"""Gives the keys of each word of a text."""


def window_keys(words: Words) -> list[list[Key]]:
    """For each word its key, those of its neighbours, and those of the pairs that it makes with the next ones."""
    padded = [""] * WINDOW + list(words) + [""] * WINDOW  # no word is empty
    rows = []
    for centre in range(WINDOW, len(words) + WINDOW):
        row: list[Key] = [(str(offset), padded[centre + offset]) for offset in range(-WINDOW, WINDOW + 1)]
        row += [("-1|0", padded[centre - 1], padded[centre]), ("0|1", padded[centre], padded[centre + 1])]
        rows.append(row)
    return rows


def describe(key: Key) -> list[str]:
    """The features of a key.

    The word itself has its lower-cased form, prefixes and suffixes of one to four letters, its shape and whether it
    has more letters than affixes; neighbours have form, shape and (next to it) a suffix of three letters.
    """
    place, *words = key
    forms = [word.lower() for word in words]
    if place in ("-1|0", "0|1"):
        return [f"{place} {' '.join(forms)}"]
    (word,), (form,) = words, forms
    features = [f"{place} {form}"]
    if not word:
        return features
    features.append(f"{place} shape {shape(word)}")
    if place == "0":
        features += [f"prefix {form[:size]}" for size in range(1, min(LONGEST_AFFIX, len(form)) + 1)]
        features += [f"suffix {form[-size:]}" for size in range(1, min(LONGEST_AFFIX, len(form)) + 1)]
    elif place in ("-1", "1"):
        features.append(f"{place} suffix {form[-3:]}")
    return features


def shape(word: str) -> str:
    """Kinds of characters, of equal neighbours just one: ``Xx`` for Budi, ``d.d`` for 12.500."""
    kinds = ["X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word]
    return "".join(kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before)


class KeyFeatures:
    """Numbers the features of keys and makes them the rows of a matrix.

    Args:
        names: of the features, in the order of their columns.
        describe: gives the features of a key.
    """

    def __init__(self, names: Sequence[str], describe: Callable[[Key], list[str]]) -> None:
        self.names = list(names)
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._describe = describe
        self._known: dict[Key, list[int]] = {}

    @classmethod
    def collect(
        cls, rows: Iterable[Sequence[Key]], min_count: int, describe: Callable[[Key], list[str]]
    ) -> KeyFeatures:
        """Number the features that occur in ``min_count`` rows or more."""
        counts: Counter[str] = Counter()
        for key, count in Counter(key for row in rows for key in row).items():
            for name in describe(key):
                counts[name] += count
        return cls([name for name, count in counts.items() if count >= min_count], describe)

    def __call__(self, rows: Sequence[Sequence[Key]]) -> csr_matrix:
        """(N, F) matrix with a one for each feature of each of N rows."""
        from scipy.sparse import csr_matrix

        columns: list[int] = []
        ends = [0]
        for row in rows:
            for key in row:
                columns += self._columns_of(key)
            ends.append(len(columns))
        return csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(self.names)))

    def _columns_of(self, key: Key) -> list[int]:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = [self._columns[n] for n in self._describe(key) if n in self._columns]
        return known
