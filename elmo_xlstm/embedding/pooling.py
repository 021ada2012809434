"""From the vectors of pieces to one vector per word and layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["boundary", "first", "last", "mean"]


def pool_words(forward: Tensor, backward: Tensor, first: Tensor, last: Tensor, pooling: Pooling) -> Tensor:
    """Words of one sentence from its pieces.

    A forward model has read a whole word only at its last piece, a backward model only at its first: ``boundary``
    takes those (as Akbik et al. 2018 do with characters). The others treat both directions alike.

    Args:
        forward: (pieces, layers, width).
        backward: (pieces, layers, width).
        first: (words,) index of each word's first piece.
        last: (words,) index of each word's last piece.
        pooling: which pieces stand for a word.

    Returns:
        (words, layers, 2 * width).
    """
    match pooling:
        case "boundary":
            return torch.cat([forward[last], backward[first]], dim=-1)
        case "first":
            return torch.cat([forward[first], backward[first]], dim=-1)
        case "last":
            return torch.cat([forward[last], backward[last]], dim=-1)
        case "mean":
            both = torch.cat([forward, backward], dim=-1)
            owner = torch.repeat_interleave(last - first + 1)  # (pieces of words,)
            sums = both.new_zeros(len(first), *both.shape[1:])
            sums = sums.index_add(0, owner, both[int(first[0]) : int(last[-1]) + 1])
            return sums / (last - first + 1).view(-1, 1, 1)
