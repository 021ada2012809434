"""Pieces of sentences as the language model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elmo_xlstm.embedding.pooling import Pooling, pool_words
from elmo_xlstm.lm.model import Encoding
from elmo_xlstm.text import Tokenizer, WordPieces

PADDING = 0  # any piece would do: what stands after a sentence's end is read by nothing


def sentence_pieces(sentences: Sequence[Sequence[str]], tokenizer: Tokenizer) -> list[WordPieces]:
    """The pieces of each sentence between the begin and the end of a document, as pretraining shows them."""
    return [
        WordPieces(
            [tokenizer.bos_id, *pieces.input_ids, tokenizer.eos_id],
            [index + 1 for index in pieces.first],
            [index + 1 for index in pieces.last],
        )
        for pieces in tokenizer.encode_sentences(sentences)
    ]


@dataclass
class PieceBatch:
    """Pieces of B sentences, padded on the right, and where their words are.

    Attributes:
        input_ids: (B, P) int64 piece ids.
        mask: (B, P) bool, true at pieces.
        first: (words,) int64 index of the first piece of each word of all sentences, counted over the whole batch:
            sentence * P + piece.
        last: (words,) int64 index of each word's last piece, counted likewise.
    """

    input_ids: Tensor
    mask: Tensor
    first: Tensor
    last: Tensor

    @classmethod
    def of(cls, sentences: Sequence[WordPieces]) -> PieceBatch:
        """Pad sentences.

        Args:
            sentences: see :func:`sentence_pieces`; at least one.
        """
        lengths = np.array([len(pieces.input_ids) for pieces in sentences])
        input_ids = np.full((len(sentences), lengths.max()), PADDING)
        for row, pieces in zip(input_ids, sentences, strict=True):
            row[: len(pieces.input_ids)] = pieces.input_ids
        words = [len(pieces.first) for pieces in sentences]
        starts = np.repeat(np.arange(len(sentences)) * lengths.max(), words)
        first = starts + np.array([piece for pieces in sentences for piece in pieces.first], dtype=np.int64)
        last = starts + np.array([piece for pieces in sentences for piece in pieces.last], dtype=np.int64)
        mask = np.arange(lengths.max()) < lengths[:, None]
        return cls(*(torch.from_numpy(array) for array in (input_ids, mask, first, last)))

    def __len__(self) -> int:
        """Sentences in the batch."""
        return len(self.input_ids)

    def to(self, device: torch.device | str) -> PieceBatch:
        """The same batch on another device."""
        return PieceBatch(*(tensor.to(device) for tensor in (self.input_ids, self.mask, self.first, self.last)))

    def words(self, encoding: Encoding, pooling: Pooling) -> Tensor:
        """Vectors of all words.

        Args:
            encoding: of these pieces.
            pooling: which pieces stand for a word.

        Returns:
            (words, layers, 2 * width), the doubled embedding first; sentence after sentence.
        """
        return pool_words(
            [encoding.embeddings, *encoding.forward],
            [encoding.embeddings, *encoding.backward],
            self.first,
            self.last,
            pooling,
        )
