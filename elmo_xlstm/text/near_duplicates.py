"""Documents that differ in a few words only, found by MinHash (Broder 1997)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from elmo_xlstm.config import Settings

Positive = Annotated[int, Field(gt=0)]


class NearDuplicates(Settings):
    """Drop a document whose runs of words are mostly those of an earlier one.

    Two documents that share a part ``s`` of their runs (Jaccard similarity) are found with probability
    ``1 - (1 - s^rows)^bands``: by default 56 % at 0.7, 92 % at 0.8, 99.95 % at 0.9.
    """

    words: Positive = 5
    """Words of a run."""
    bands: Positive = 14
    """A document is dropped if it agrees with an earlier one in all rows of one band."""
    rows: Positive = 8
    """Minima of a band."""

    def bands_of(self, texts: Sequence[str]) -> np.ndarray:
        """A hash of each band of each text, compared without case: (N, bands) uint64."""
        from datasketch import MinHash

        found = np.empty((len(texts), self.bands), dtype=np.uint64)
        empty = MinHash(num_perm=self.bands * self.rows, hashfunc=_hash32)
        for number, text in enumerate(texts):
            words = text.lower().split()
            runs = {" ".join(words[at : at + self.words]) for at in range(max(1, len(words) - self.words + 1))}
            sketch = empty.copy()
            sketch.update_batch([run.encode() for run in runs])
            for band, minima in enumerate(sketch.hashvalues.reshape(self.bands, self.rows)):
                digest = hashlib.blake2b(minima.astype("<u8").tobytes(), digest_size=8).digest()
                found[number, band] = int.from_bytes(digest, "little")
        return found


def _hash32(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=4).digest(), "little")
