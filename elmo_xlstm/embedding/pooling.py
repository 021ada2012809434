"""From the vectors of pieces to one vector per word and layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["boundary", "first", "last", "mean"]


def pool_words(
    forward: Sequence[Tensor], backward: Sequence[Tensor], first: Tensor, last: Tensor, pooling: Pooling
) -> Tensor:
    """Words of a batch of sentences from its pieces.

    A forward model has read a whole word only at its last piece, a backward model only at its first: ``boundary``
    takes those (as Akbik et al. 2018 do with characters). The others treat both directions alike.

    Args:
        forward: per layer (batch, pieces, width).
        backward: per layer (batch, pieces, width).
        first: (words,) index of each word's first piece, counted over the whole batch: sentence * pieces + piece.
        last: (words,) index of each word's last piece, counted likewise.
        pooling: which pieces stand for a word.

    Returns:
        (words, layers, 2 * width).
    """
    width = forward[0].shape[-1]
    pooled = forward[0].new_empty(len(first), len(forward), 2 * width)
    chosen = {"boundary": (last, first), "first": (first, first), "last": (last, last), "mean": (first, first)}[pooling]
    halves = pooled[..., :width], pooled[..., width:]  # not split(), whose parts autograd lets nobody write into
    for half, layers, pieces in zip(halves, (forward, backward), chosen, strict=True):
        for index, layer in enumerate(layers):
            rows = layer.flatten(0, 1)  # (batch * pieces, width)
            half[:, index] = _means(rows, first, last) if pooling == "mean" else rows[pieces]
    return pooled


def _means(rows: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Mean of the rows of each word: (words, width)."""
    lengths = last - first + 1
    owner = torch.repeat_interleave(lengths)  # (pieces of words,)
    within = torch.arange(len(owner), device=owner.device) - (lengths.cumsum(0) - lengths)[owner]
    sums = rows.new_zeros(len(first), rows.shape[-1]).index_add_(0, owner, rows[first[owner] + within])
    return sums / lengths.unsqueeze(1)
