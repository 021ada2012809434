"""A batch of sentences as heads read it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from elmo_xlstm.embedding.pieces import PieceBatch


def sentence_lengths(mask: Tensor) -> Tensor:
    """Words per sentence of a right-padded mask.

    Args:
        mask: (B, L) bool, true at words.

    Returns:
        (B,) int64 on the device of ``mask``.

    Raises:
        ValueError: the mask is not bool or not (B, L), a sentence has no word, or padding comes before a word.
    """
    if mask.dtype != torch.bool or mask.dim() != 2 or mask.shape[0] == 0:
        raise ValueError(f"a mask is bool and (batch, length), not {mask.dtype} and {tuple(mask.shape)}")
    lengths = mask.sum(dim=1)  # (B,)
    if bool((lengths == 0).any()):
        raise ValueError(f"sentence {int((lengths == 0).nonzero()[0])} of the batch has no words")
    right_padded = torch.arange(mask.shape[1], device=mask.device) < lengths.unsqueeze(1)  # (B, L)
    if not torch.equal(mask, right_padded):
        row = int((mask != right_padded).any(dim=1).nonzero()[0])
        raise ValueError(f"sentence {row} of the batch has padding before its last word; masks are right-padded")
    return lengths


@dataclass
class WordBatch:
    """Features and tags of sentences, padded on the right; every sentence has at least one word.

    Attributes:
        mask: (B, L) bool, true at words.
        layers: (B, L, num_layers, D) vectors of a frozen language model, or None.
        pieces: what a language model that learns reads of the B sentences, or None.
        words: (B, L) int64 word ids, padding 0, or None.
        characters: (B, L, C) int64 character ids, padding 0, or None.
        tags: (B, L) int64 tag ids, padding 0, or None.

    Raises:
        ValueError: a tensor does not begin with (B, L) or has the wrong number of dimensions, or the pieces are of
            another number of sentences.
    """

    mask: Tensor
    layers: Tensor | None = None
    words: Tensor | None = None
    characters: Tensor | None = None
    tags: Tensor | None = None
    pieces: PieceBatch | None = None

    def __post_init__(self) -> None:
        dimensions = {"layers": 4, "words": 2, "characters": 3, "tags": 2}
        if self.mask.dim() != 2:
            raise ValueError(f"mask is (batch, length), not {tuple(self.mask.shape)}")
        for name, count in dimensions.items():
            tensor: Tensor | None = getattr(self, name)
            if tensor is not None and (tensor.dim() != count or tensor.shape[:2] != self.mask.shape):
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; expected {count} dimensions that begin with "
                    f"{tuple(self.mask.shape)}, as the mask has"
                )
        if self.pieces is not None and len(self.pieces) != len(self):
            raise ValueError(f"pieces of {len(self.pieces)} sentences, but the mask is of {len(self)}")

    def __len__(self) -> int:
        """Sentences in the batch."""
        return self.mask.shape[0]

    def to(self, device: torch.device | str) -> WordBatch:
        """The same batch on another device."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device)

        return WordBatch(
            self.mask.to(device),
            move(self.layers),
            move(self.words),
            move(self.characters),
            move(self.tags),
            None if self.pieces is None else self.pieces.to(device),
        )
