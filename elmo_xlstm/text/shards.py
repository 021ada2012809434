"""Tokens on disk, in files of bounded size."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np


def token_dtype(vocab_size: int) -> np.dtype:
    """The smallest little-endian type that holds all ids: two bytes up to 65,536 ids, else four."""
    return np.dtype("<u2" if vocab_size <= 2**16 else "<u4")


class ShardWriter:
    """Writes a stream of tokens as ``name-00000.bin`` and so on, with ``shard_tokens`` in all but the last."""

    def __init__(self, directory: Path, name: str, shard_tokens: int, dtype: np.dtype) -> None:
        self._directory, self._name, self._shard_tokens, self._dtype = directory, name, shard_tokens, dtype
        self._shards: list[dict[str, Any]] = []
        self._file: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self._tokens = 0

    def write(self, tokens: np.ndarray) -> None:
        """Append tokens (N,)."""
        while len(tokens):
            if self._file is None:
                self._file = open(self._directory / f"{self._name}-{len(self._shards):05d}.bin", "wb")
                self._digest, self._tokens = hashlib.sha256(), 0
            part = tokens[: self._shard_tokens - self._tokens]
            data = part.astype(self._dtype, copy=False).tobytes()
            self._file.write(data)
            self._digest.update(data)
            self._tokens += len(part)
            tokens = tokens[len(part) :]
            if self._tokens == self._shard_tokens:
                self._finish_shard()

    def close(self) -> list[dict[str, Any]]:
        """Flush everything to disk; returns each shard's name, number of tokens, bytes and SHA-256."""
        self._finish_shard()
        return self._shards

    def _finish_shard(self) -> None:
        if self._file is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._shards.append(
            {
                "name": Path(self._file.name).name,
                "tokens": self._tokens,
                "bytes": self._tokens * self._dtype.itemsize,
                "sha256": self._digest.hexdigest(),
            }
        )
        self._file = None


class TokenStream:
    """One part of a corpus, by its entry in the manifest, as a single sequence of token ids, memory-mapped."""

    def __init__(self, directory: Path, part: Mapping[str, Any], dtype: np.dtype) -> None:
        self.characters: int = part["characters"]  # of the cleaned text
        self.documents: int = part["documents"]  # each is stored as [CLS] pieces [SEP]
        self._paths = [directory / shard["name"] for shard in part["shards"]]
        self._dtype = dtype
        # Where each shard starts in the stream, and at the end the length of all.
        self._starts: list[int] = np.cumsum([0] + [shard["tokens"] for shard in part["shards"]]).tolist()
        self._maps: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        """Number of tokens."""
        return self._starts[-1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """A copy of the tokens ``start`` to ``stop`` (exclusive), across shards: (stop - start,) int64.

        Raises:
            IndexError: not 0 <= start <= stop <= len(self).
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"tokens {start} to {stop} of a stream of {len(self)}")
        tokens = np.empty(stop - start, dtype=np.int64)
        here = start
        while here < stop:
            index = bisect_right(self._starts, here) - 1
            offset = self._starts[index]
            upto = min(stop, self._starts[index + 1])
            tokens[here - start : upto - start] = self._map(index)[here - offset : upto - offset]
            here = upto
        return tokens

    def _map(self, index: int) -> np.ndarray:
        if index not in self._maps:
            self._maps[index] = np.memmap(self._paths[index], dtype=self._dtype, mode="r")
        return self._maps[index]

    def __getstate__(self) -> dict[str, Any]:
        """Without the memory maps, which would be pickled as whole arrays."""
        return {**self.__dict__, "_maps": {}}
