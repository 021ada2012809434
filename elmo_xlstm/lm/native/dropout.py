"""A residual connection with dropout in one pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elmo_xlstm.lm.native.library import call


@torch.compiler.disable  # compiled already; what is around it may be
def dropped_residual(residual: Tensor, inputs: Tensor, share: float) -> Tensor:
    """``residual + dropout(inputs)`` for float32 tensors on a CPU; no mask is kept for the backward pass.

    Args:
        residual: of any shape.
        inputs: of the same shape.
        share: of ``inputs`` that is dropped. What is dropped follows from torch's generator.
    """
    outputs: Tensor = _DroppedResidual.apply(residual, inputs, share)
    return outputs


class _DroppedResidual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, residual: Tensor, inputs: Tensor, share: float) -> Tensor:
        seeds = torch.randint(2**32, (2,)).tolist()
        ctx.share, ctx.seeds = share, seeds
        residual, inputs = residual.contiguous(), inputs.contiguous()
        outputs = torch.empty_like(inputs)
        call("elmo_dropout", inputs.numel(), share, *seeds, inputs, residual, outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, None]:
        grad = grad_outputs[0].contiguous()
        grad_inputs = torch.empty_like(grad)
        call("elmo_dropout", grad.numel(), ctx.share, *ctx.seeds, grad, None, grad_inputs)
        return grad, grad_inputs, None
