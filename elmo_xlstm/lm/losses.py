"""Soft-max cross-entropy over a vocabulary, without ever holding all logits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.config import Registry, Settings

softmax_losses = Registry("soft-max loss")

# Rows of logits computed at once: enough for full speed of a matrix product, few enough to stay small.
CHUNK_ROWS = 1024


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Cross-entropy and its gradients in one pass over chunks of rows.

    The gradient of the logits, soft-max minus one-hot, is at hand when the loss is, so both matrix products of the
    backward pass are done at once and only gradients of the inputs' own size are kept.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        needs_gradient = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        cast_weight = weight.to(dtype)
        grad_hidden = torch.empty_like(hidden) if needs_gradient else None
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if needs_gradient else None
        total = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, hidden.shape[0], CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            chunk = hidden[part].to(dtype)
            logits = (chunk @ cast_weight.T).float()  # (rows, vocabulary)
            chunk_targets = targets[part].unsqueeze(1)
            log_sum = logits.logsumexp(dim=1, keepdim=True)
            total += (log_sum - logits.gather(1, chunk_targets)).sum()
            if grad_hidden is not None and grad_weight is not None:
                grad_logits = logits.sub_(log_sum).exp_()
                grad_logits.scatter_add_(1, chunk_targets, torch.full_like(log_sum, -1.0))
                grad_logits = grad_logits.to(dtype)
                grad_hidden[part] = (grad_logits @ cast_weight).to(grad_hidden.dtype)
                grad_weight += grad_logits.T @ chunk
        ctx.save_for_backward(grad_hidden, grad_weight)
        ctx.weight_dtype = weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (grad,) = grad_outputs
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grad, (grad_weight * grad).to(ctx.weight_dtype), None, None


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
        dtype = hidden.dtype
        if torch.is_autocast_enabled(hidden.device.type):
            dtype = torch.get_autocast_dtype(hidden.device.type)
        return cast(Tensor, _ChunkedCrossEntropy.apply(hidden, weight, targets, dtype))


class SampledSoftmax:
    """Cross-entropy against the target and random negatives, shared by all tokens of a call.

    Negatives are drawn from the log-uniform (Zipf) distribution over frequency ranks, as for the original ELMo:
    ``q(rank) = log((rank + 2) / (rank + 1)) / log(vocabulary + 1)``. Each negative's logit is lowered by the log of
    how often it is expected (logQ correction; Bengio and Senecal 2008, Jean et al. 2015), which makes the estimate of
    the partition function unbiased. The target enters exactly; draws that hit it are dropped.

    Args:
        samples: negatives per call.
        token_counts: (vocabulary,) how often each piece occurs; gives the ranks.
    """

    @softmax_losses.register("sampled")
    class Config(Settings):
        """Soft-max over the target and random negatives; for training only, validation is exact."""

        type: Literal["sampled"] = "sampled"
        samples: Annotated[int, Field(gt=0)] = 8192
        """Negatives drawn per forward pass and direction."""

        def build(self, token_counts: npt.NDArray[np.int64]) -> SampledSoftmax:
            """Rank the vocabulary by its counts."""
            return SampledSoftmax(self.samples, token_counts)

    def __init__(self, samples: int, token_counts: npt.NDArray[np.int64]) -> None:
        self.samples = samples
        size = len(token_counts)
        ranks = np.empty(size, dtype=np.int64)
        ranks[np.argsort(-token_counts, kind="stable")] = np.arange(size)
        probability = np.log((ranks + 2) / (ranks + 1)) / np.log(size + 1)
        self.probability = torch.tensor(probability, dtype=torch.float32)

    def __call__(self, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """See :class:`SoftmaxLoss`."""
        self.probability = self.probability.to(hidden.device)
        negatives = torch.multinomial(self.probability, self.samples, replacement=True)  # (samples,)
        correction = torch.log(self.probability[negatives] * self.samples)
        logits = (hidden @ F.embedding(negatives, weight).T).float() - correction  # (tokens, samples)
        logits = logits.masked_fill(negatives == targets.unsqueeze(1), -torch.inf)
        target_logits = (hidden * F.embedding(targets, weight)).sum(dim=1, keepdim=True).float()
        return (torch.cat([target_logits, logits], dim=1).logsumexp(dim=1) - target_logits.squeeze(1)).sum()
