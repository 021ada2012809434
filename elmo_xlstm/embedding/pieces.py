"""Pieces of sentences as the language model reads them, and vectors of words from those of their pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from elmo_xlstm.lm.model import Encoding
from elmo_xlstm.text import Tokenizer, WordPieces

Pooling = Literal["boundary", "first", "last", "mean"]
PADDING = 0  # any piece would do: nothing reads behind a sentence's end


def sentence_pieces(sentences: Sequence[Sequence[str]], tokenizer: Tokenizer) -> list[WordPieces]:
    """The pieces of each sentence between the begin and the end of a document, as pretraining shows them."""
    found = tokenizer.encode_sentences(sentences)
    return [pieces.as_document(tokenizer.bos_id, tokenizer.eos_id) for pieces in found]


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
            (words, layers, directions * width), the repeated embedding first; sentence after sentence.
        """
        forward = [encoding.embeddings, *encoding.forward]
        backward = [encoding.embeddings, *encoding.backward] if encoding.backward else None
        return pool_words(forward, backward, self.first, self.last, pooling)


def pool_words(
    forward: Sequence[Tensor], backward: Sequence[Tensor] | None, first: Tensor, last: Tensor, pooling: Pooling
) -> Tensor:
    """Words of a batch of sentences from its pieces.

    A forward model has read a whole word only at its last piece, a backward model only at its first: ``boundary``
    takes those (as Akbik et al. 2018 do with characters). The others treat both directions alike.

    Args:
        forward: per layer (batch, pieces, width).
        backward: per layer (batch, pieces, width); None if there is no such model.
        first: (words,) index of each word's first piece, counted over the whole batch: sentence * pieces + piece.
        last: (words,) index of each word's last piece, counted likewise.
        pooling: which pieces stand for a word.

    Returns:
        (words, layers, directions * width).
    """
    width, directions = forward[0].shape[-1], [forward] if backward is None else [forward, backward]
    pooled = forward[0].new_empty(len(first), len(forward), len(directions) * width)
    chosen = {"boundary": (last, first), "first": (first, first), "last": (last, last), "mean": (first, first)}[pooling]
    for direction, (layers, pieces) in enumerate(zip(directions, chosen, strict=False)):
        # Not of split(), into whose parts autograd lets nobody write.
        part = pooled[..., direction * width : (direction + 1) * width]
        for index, layer in enumerate(layers):
            rows = layer.flatten(0, 1)  # (batch * pieces, width)
            part[:, index] = _means(rows, first, last) if pooling == "mean" else rows[pieces]
    return pooled


def _means(rows: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Mean of the rows of each word: (words, width)."""
    lengths = last - first + 1
    owner = torch.repeat_interleave(lengths)  # (pieces of words,)
    within = torch.arange(len(owner), device=owner.device) - (lengths.cumsum(0) - lengths)[owner]
    sums = rows.new_zeros(len(first), rows.shape[-1]).index_add_(0, owner, rows[first[owner] + within])
    return sums / lengths.unsqueeze(1)
