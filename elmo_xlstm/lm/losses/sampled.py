"""Soft-max over random negatives."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.lm.losses.cross_entropy import ChunkedCrossEntropy, product_dtype
from elmo_xlstm.lm.losses.interface import SoftmaxLossSettings, softmax_losses


class SampledSoftmax:
    """Cross-entropy against the target and random negatives, shared by all tokens of a call.

    Classes are drawn from the log-uniform (Zipf) distribution over frequency ranks, as for the original ELMo:
    ``q(rank) = log((rank + 2) / (rank + 1)) / log(vocabulary + 1)``. The distinct ones of a fixed number of draws are
    the negatives, and each negative's logit is lowered by the log of its chance to be among them,
    ``1 - (1 - q)^draws`` (logQ correction; Bengio and Senecal 2008, Jean et al. 2015): an unbiased estimate of the
    partition function (Horvitz and Thompson 1952). The target enters exactly, and is left out of the negatives.

    Args:
        samples: negatives per call, on average.
        token_counts: (vocabulary,) how often each piece occurs; gives the ranks.
    """

    @softmax_losses.register("sampled")
    class Config(SoftmaxLossSettings):
        """Soft-max over the target and random negatives; for training only, validation is exact."""

        type: Literal["sampled"] = "sampled"
        samples: Annotated[int, Field(gt=0)] = 8192
        """Negatives drawn per forward pass and direction; of a smaller vocabulary nearly all."""

        def build(self, token_counts: npt.NDArray[np.int64]) -> SampledSoftmax:
            """Rank the vocabulary by its counts."""
            return SampledSoftmax(self.samples, token_counts)

        def classes(self, token_counts: npt.NDArray[np.int64]) -> float:
            """The negatives and the target."""
            return _distinct(self.samples, len(token_counts)) + 1

    def __init__(self, samples: int, token_counts: npt.NDArray[np.int64]) -> None:
        size = len(token_counts)
        ranks = np.empty(size, dtype=np.int64)
        ranks[np.argsort(-token_counts, kind="stable")] = np.arange(size)
        proposal = np.log((ranks + 2) / (ranks + 1)) / np.log(size + 1)
        self.draws = _draws_for(_distinct(samples, size), proposal)
        self.proposal = torch.tensor(proposal, dtype=torch.float32)
        inclusion = _inclusion(proposal, self.draws)
        self.log_inclusion = torch.tensor(np.log(inclusion), dtype=torch.float32)
        self.slots = _slots(proposal, self.draws)

    def sample(self) -> Tensor:
        """(vocabulary,) which pieces are the negatives of one call."""
        drawn = torch.multinomial(self.proposal, self.draws, replacement=True)
        return torch.zeros_like(self.proposal, dtype=torch.bool).index_fill_(0, drawn, True)

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """See :class:`SoftmaxLoss`."""
        self.proposal = self.proposal.to(hidden.device)
        self.log_inclusion = self.log_inclusion.to(hidden.device)
        negative = self.sample()
        # How many pieces are drawn is chance: a fixed number of slots spares a GPU's host the wait. One slot more is
        # the bin of all that have none.
        places = torch.where(negative, negative.cumsum(0) - 1, -1)  # (vocabulary,)
        places = places.where(places < self.slots, -1)
        pieces = torch.arange(len(weight), device=hidden.device)
        negatives = torch.zeros(self.slots + 1, dtype=torch.long, device=hidden.device)
        negatives = negatives.scatter_(0, places.where(places >= 0, self.slots), pieces)[:-1]
        filled = pieces[: self.slots] <= places.amax()
        # Rows taken at once have one gradient of the vocabulary's size, not two.
        rows = F.embedding(torch.cat([negatives, targets]), weight)
        negative_rows, target_rows = rows.split([len(negatives), len(targets)])
        loss: Tensor = ChunkedCrossEntropy.apply(
            hidden,
            negative_rows,
            -self.log_inclusion[negatives].where(filled, torch.inf),
            places[targets],
            target_rows,
            product_dtype(hidden),
        )
        return loss


def _distinct(samples: int, size: int) -> float:
    """Distinct classes to be drawn on average: never quite all, which would take draws without end."""
    return min(samples, 0.99 * size)


def _inclusion(proposal: npt.NDArray[np.float64], draws: float) -> npt.NDArray[np.float64]:
    """Chance of each class to be among ``draws`` draws with replacement."""
    inclusion: npt.NDArray[np.float64] = -np.expm1(draws * np.log1p(-proposal))
    return inclusion


def _slots(proposal: npt.NDArray[np.float64], draws: int) -> int:
    """Room for all distinct classes of all but one of a million calls; the last ids of that one are left out."""
    inclusion = _inclusion(proposal, draws)
    # The variance of independent classes, less what draws take from each other (to first order in 1 / draws).
    shared = draws * (proposal * (1 - proposal) ** (draws - 1)).sum() ** 2
    deviation = np.sqrt(max(0.0, (inclusion * (1 - inclusion)).sum() - shared))
    return int(min(len(inclusion), draws, math.ceil(inclusion.sum() + 5 * deviation)))


def _draws_for(distinct: float, proposal: npt.NDArray[np.float64]) -> int:
    """How many draws give ``distinct`` distinct classes on average, by bisection."""
    low, high = 1, 2
    while _inclusion(proposal, high).sum() < distinct:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _inclusion(proposal, middle).sum() < distinct else (low, middle)
    return high
