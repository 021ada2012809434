"""Cross-entropy over many candidates and its gradients, in chunks of rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elmo_xlstm.device import matmul_by_parts

# Rows of logits computed at once: enough for full speed of a matrix product, few enough to stay in a cache.
CHUNK_ROWS = 512


class ChunkedCrossEntropy(torch.autograd.Function):
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
        """Sum of the cross-entropies, in float32 or wider.

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
        wide = torch.promote_types(hidden.dtype, torch.float32)  # of everything but the matrix products
        grad_hidden = torch.empty_like(hidden, dtype=wide)
        grad_candidates = torch.zeros_like(candidates, dtype=wide)
        grad_targets = None if targets is None else torch.empty_like(targets, dtype=wide)
        weight = candidates.to(dtype)
        total = torch.zeros((), dtype=wide, device=hidden.device)
        for start in range(0, len(hidden), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            chunk, place = hidden[rows].to(dtype), places[rows].unsqueeze(1)
            product = chunk @ weight.T
            logits = product.to(wide) if bias is None else (product + bias).to(wide)  # (rows, candidates)
            if targets is None:
                target_logits = logits.gather(1, place)
            else:
                target_logits = (hidden[rows].to(wide) * targets[rows].to(wide)).sum(dim=1, keepdim=True)
                column = place.clamp(min=0)
                left_out = logits.gather(1, column).masked_fill_(place >= 0, -torch.inf)
                logits.scatter_(1, column, left_out)
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
            grad_hidden[rows] = matmul_by_parts(probabilities, weight).to(wide) * scale
            grad_candidates += probabilities.T @ (chunk * scale).to(dtype)
            if targets is not None and grad_targets is not None:
                grad_target_logits = (target_logits - maximum).exp() * scale - 1
                grad_hidden[rows] += grad_target_logits * targets[rows]
                grad_targets[rows] = grad_target_logits * hidden[rows]
        ctx.save_for_backward(grad_hidden.to(hidden.dtype), grad_candidates.to(candidates.dtype), grad_targets)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that the forward pass has left."""
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


def product_dtype(hidden: Tensor) -> torch.dtype:
    """Type of matrix products with ``hidden``: that of autocast, where it is on."""
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
