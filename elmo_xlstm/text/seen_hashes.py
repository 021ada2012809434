"""Which documents were there before, in eight bytes each."""

from __future__ import annotations

import numpy as np


class SeenHashes:
    """A set of 64-bit hashes that only grows.

    Sorted arrays of doubling sizes hold them: a Python set would take ten times the memory.
    """

    def __init__(self) -> None:
        self._sorted: list[np.ndarray] = []

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """Add hashes (N,) uint64; returns (N,) bool: which were not there yet, first occurrences only."""
        distinct, positions = np.unique(hashes, return_index=True)
        for known in self._sorted:
            at = np.minimum(np.searchsorted(known, distinct), len(known) - 1)
            fresh = known[at] != distinct
            distinct, positions = distinct[fresh], positions[fresh]
        if len(distinct):
            self._sorted.append(distinct)
        while len(self._sorted) > 1 and len(self._sorted[-2]) <= 2 * len(self._sorted[-1]):
            last = self._sorted.pop()
            self._sorted[-1] = np.sort(np.concatenate([self._sorted[-1], last]))
        new = np.zeros(len(hashes), dtype=bool)
        new[positions] = True
        return new
