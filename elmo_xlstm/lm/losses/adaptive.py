"""Soft-max of a frequent shortlist and of clusters of rarer pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.losses.cross_entropy import ChunkedCrossEntropy, product_dtype
from elmo_xlstm.lm.losses.interface import SoftmaxLossSettings, softmax_losses


class AdaptiveSoftmax:
    """Exact cross-entropy of a two-level soft-max (Grave et al. 2017, section 4).

    The vocabulary, in order of falling frequency, is cut into a shortlist and clusters. A first soft-max, the head, is
    over the shortlist and one row for each cluster; a piece outside the shortlist has the probability of its cluster
    times its own in a soft-max over that cluster. So most tokens meet a small part of the vocabulary only. It is a
    distribution of its own, normalised and exact, that a model must be trained for.

    Unlike in the paper, clusters keep the full width: there is no projection. Rare pieces cost little already, because
    few tokens come to their cluster (a quarter of all tokens to clusters of 7/8 of the pieces), full rows lose no
    quality on rare words, and a row stands for a piece as in every other soft-max, so that weights may be tied to the
    embedding too. How many tokens come to a cluster the host must know: on a GPU it waits for that number in each call,
    which it never does with the exact and the sampled soft-max.

    Args:
        cutoffs: ranks at which clusters begin, ascending; the last cluster ends with the vocabulary.
        order: (vocabulary,) piece ids, the most frequent first.
    """

    @softmax_losses.register("adaptive")
    class Config(SoftmaxLossSettings):
        """Soft-max of a shortlist and of clusters of rarer pieces: another model, whose validation is exact too."""

        type: Literal["adaptive"] = "adaptive"
        clusters: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)] | None = None
        """Frequency ranks at which clusters begin, ascending; null for an eighth, a quarter and half the vocabulary."""

        def build(self, token_counts: npt.NDArray[np.int64]) -> None:
            """None: it is the loss of a model with ``softmax_clusters``."""
            return None

        def clusters_for(self, vocab_size: int) -> list[int]:
            """Clusters as set, or the default for this vocabulary."""
            clusters = self.clusters or sorted({max(1, vocab_size // part) for part in (8, 4, 2)})
            try:
                check_cutoffs(clusters, vocab_size)
            except ValueError as error:
                raise UserError(f"softmax_loss.clusters: {error}") from None
            return clusters

        def classes(self, token_counts: npt.NDArray[np.int64]) -> float:
            """The head for every token, and each cluster for its share of the tokens."""
            cutoffs = self.clusters_for(len(token_counts))
            counts = np.sort(token_counts)[::-1]
            total = max(1, counts.sum())
            tails = sum(counts[a:b].sum() / total * (b - a) for a, b in pairwise([*cutoffs, len(counts)]))
            return float(cutoffs[0] + len(cutoffs) + tails)

    def __init__(self, cutoffs: Sequence[int], order: Tensor) -> None:
        self.cutoffs = list(cutoffs)
        self.order = order

    def __call__(self, hidden: Tensor, weight: Tensor, clusters: Tensor, targets: Tensor) -> Tensor:
        """Sum over tokens, in nats.

        Args:
            hidden: (tokens, dim).
            weight: (vocabulary, dim), a row for each piece, by id.
            clusters: (clusters, dim), their rows in the head.
            targets: (tokens,) piece ids.
        """
        dtype = product_dtype(hidden)
        ranks = torch.empty_like(self.order)
        ranks[self.order] = torch.arange(len(self.order), device=ranks.device)
        ranked = F.embedding(self.order, weight)  # (vocabulary, dim), the most frequent first
        shortlist, *tails = ranked.tensor_split(self.cutoffs)
        places = ranks[targets]  # (tokens,)
        head = torch.cat([shortlist, clusters])
        in_tail: list[Tensor] = []
        head_places = places.clone()
        for index, (begin, end) in enumerate(pairwise([*self.cutoffs, len(self.order)])):
            rows = ((places >= begin) & (places < end)).nonzero().squeeze(1)
            head_places[rows] = len(shortlist) + index
            in_tail.append(rows)
        total: Tensor = ChunkedCrossEntropy.apply(hidden, head, None, head_places, None, dtype)
        for begin, tail, rows in zip(self.cutoffs, tails, in_tail, strict=True):
            total = total + ChunkedCrossEntropy.apply(
                hidden.index_select(0, rows), tail, None, places[rows] - begin, None, dtype
            )
        return total


def check_cutoffs(cutoffs: Sequence[int], vocab_size: int) -> None:
    """Whether these ranks cut a vocabulary into a shortlist and clusters, none of them empty.

    Raises:
        ValueError: they do not.
    """
    bounds = [0, *cutoffs, vocab_size]
    if not cutoffs or any(begin >= end for begin, end in pairwise(bounds)):
        raise ValueError(
            f"{list(cutoffs)} must be ascending ranks above 0 and below the vocabulary's size {vocab_size}"
        )


def frequency_order(token_counts: npt.NDArray[np.int64]) -> Tensor:
    """(vocabulary,) piece ids, the most frequent first; equally frequent ones in the order of their ids."""
    return torch.from_numpy(np.argsort(-token_counts, kind="stable"))
