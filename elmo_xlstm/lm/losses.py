"""Soft-max cross-entropy over a vocabulary, without ever holding all logits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.config import Registry, Settings

softmax_losses = Registry("soft-max loss")

# Rows of logits computed at once: enough for full speed of a matrix product, few enough to stay in a cache.
CHUNK_ROWS = 512


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Cross-entropy over candidates and its gradients, in one pass over chunks of rows.

    When the loss is at hand so is the gradient of the logits, soft-max minus one-hot. Both matrix products of the
    backward pass are therefore done at once, and only gradients of the inputs' own size are kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        candidates: Tensor,
        bias: Tensor | None,
        places: Tensor,
        targets: Tensor | None,
        dtype: torch.dtype,
    ) -> Tensor:
        """Sum of the cross-entropies.

        Args:
            ctx: of autograd.
            hidden: (tokens, dim).
            candidates: (candidates, dim), rows of the soft-max weight.
            bias: (candidates,) added to the logits, without gradient.
            places: (tokens,) which candidate is the target, -1 if none.
            targets: (tokens, dim), the targets' own rows, if they are no candidates; ``places`` then says which
                candidate is left out.
            dtype: of the matrix products.
        """
        grad_hidden = torch.empty_like(hidden, dtype=torch.float32)
        grad_candidates = torch.zeros_like(candidates, dtype=torch.float32)
        grad_targets = None if targets is None else torch.empty_like(targets, dtype=torch.float32)
        weight = candidates.to(dtype)
        total = torch.zeros((), device=hidden.device)
        for start in range(0, len(hidden), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            chunk, place = hidden[rows].to(dtype), places[rows].unsqueeze(1)
            product = chunk @ weight.T
            logits = product.float() if bias is None else product + bias  # (rows, candidates), float32
            if targets is None:
                target_logits = logits.gather(1, place)
            else:
                target_logits = (hidden[rows].float() * targets[rows].float()).sum(dim=1, keepdim=True)
                hit = (place >= 0).squeeze(1).nonzero().squeeze(1)
                logits[hit, place[hit, 0]] = -torch.inf
            maximum = torch.maximum(logits.amax(dim=1, keepdim=True), target_logits)  # (rows, 1)
            exponentials = logits.sub_(maximum).exp_()
            normalizer = exponentials.sum(dim=1, keepdim=True)
            if targets is not None:
                normalizer += (target_logits - maximum).exp()
            total += (maximum + normalizer.log() - target_logits).sum()
            if not any(ctx.needs_input_grad):
                continue

            scale = 1 / normalizer
            if targets is None:
                exponentials.scatter_add_(1, place, -normalizer)
            probabilities = exponentials.to(dtype)  # still times the normaliser
            grad_hidden[rows] = (probabilities @ weight).float() * scale
            grad_candidates += probabilities.T @ (chunk * scale).to(dtype)
            if targets is not None and grad_targets is not None:
                grad_target_logits = (target_logits - maximum).exp() * scale - 1
                grad_hidden[rows] += grad_target_logits * targets[rows]
                grad_targets[rows] = grad_target_logits * hidden[rows]
        ctx.save_for_backward(grad_hidden.to(hidden.dtype), grad_candidates.to(candidates.dtype), grad_targets)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        grad_hidden, grad_candidates, grad_targets = ctx.saved_tensors
        return (
            grad_hidden * grad,
            grad_candidates * grad,
            None,
            None,
            None if grad_targets is None else grad_targets * grad,
            None,
        )


def _product_dtype(hidden: Tensor) -> torch.dtype:
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype


class SoftmaxLoss(Protocol):
    """Turns hidden states and targets into a sum of cross-entropies, in nats."""

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """Sum over tokens.

        Args:
            hidden: (tokens, dim).
            weight: (vocabulary, dim).
            targets: (tokens,) indices into the vocabulary.
        """


class FullSoftmax:
    """The exact loss over the whole vocabulary."""

    @softmax_losses.register("full")
    class Config(Settings):
        """Exact soft-max over the whole vocabulary."""

        type: Literal["full"] = "full"

        def build(self, token_counts: npt.NDArray[np.int64]) -> FullSoftmax:
            """Needs no counts."""
            return FullSoftmax()

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """See :class:`SoftmaxLoss`."""
        loss: Tensor = _ChunkedCrossEntropy.apply(hidden, weight, None, targets, None, _product_dtype(hidden))
        return loss


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
    class Config(Settings):
        """Soft-max over the target and random negatives; for training only, validation is exact."""

        type: Literal["sampled"] = "sampled"
        samples: Annotated[int, Field(gt=0)] = 8192
        """Negatives drawn per forward pass and direction; of a smaller vocabulary nearly all."""

        def build(self, token_counts: npt.NDArray[np.int64]) -> SampledSoftmax:
            """Rank the vocabulary by its counts."""
            return SampledSoftmax(self.samples, token_counts)

    def __init__(self, samples: int, token_counts: npt.NDArray[np.int64]) -> None:
        size = len(token_counts)
        ranks = np.empty(size, dtype=np.int64)
        ranks[np.argsort(-token_counts, kind="stable")] = np.arange(size)
        proposal = np.log((ranks + 2) / (ranks + 1)) / np.log(size + 1)
        self.draws = _draws_for(min(samples, 0.99 * size), proposal)
        self.proposal = torch.tensor(proposal, dtype=torch.float32)
        self.log_inclusion = torch.tensor(np.log(_inclusion(proposal, self.draws)), dtype=torch.float32)

    def sample(self) -> Tensor:
        """The negatives of one call: distinct ids, in ascending order."""
        drawn = torch.multinomial(self.proposal, self.draws, replacement=True)
        return torch.zeros_like(self.proposal, dtype=torch.bool).index_fill_(0, drawn, True).nonzero().squeeze(1)

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """See :class:`SoftmaxLoss`."""
        self.proposal = self.proposal.to(hidden.device)
        self.log_inclusion = self.log_inclusion.to(hidden.device)
        negatives = self.sample()
        places = torch.full((len(weight),), -1, device=hidden.device)
        places[negatives] = torch.arange(len(negatives), device=hidden.device)
        loss: Tensor = _ChunkedCrossEntropy.apply(
            hidden,
            F.embedding(negatives, weight),
            -self.log_inclusion[negatives],
            places[targets],
            F.embedding(targets, weight),
            _product_dtype(hidden),
        )
        return loss


def _inclusion(proposal: npt.NDArray[np.float64], draws: float) -> npt.NDArray[np.float64]:
    """Chance of each class to be among ``draws`` draws with replacement."""
    inclusion: npt.NDArray[np.float64] = -np.expm1(draws * np.log1p(-proposal))
    return inclusion


def _draws_for(distinct: float, proposal: npt.NDArray[np.float64]) -> int:
    """How many draws give ``distinct`` distinct classes on average, by bisection."""
    low, high = 1, 2
    while _inclusion(proposal, high).sum() < distinct:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _inclusion(proposal, middle).sum() < distinct else (low, middle)
    return high
