"""The parts of a block around its mLSTM layer: the norm with its projection, and the residual with dropout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.device import matmul_by_parts, not_compiled
from elmo_xlstm.lm.native.library import call

EPSILON = 1e-5


def normed_projection(inputs: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    """``layer_norm(inputs) @ weight.T``; the backward pass normalises again, which costs less than memory does.

    Args:
        inputs: (batch, length, dim), float32.
        scale: (dim,), of the norm, which has no bias.
        weight: (outputs, dim).

    Returns:
        (batch, length, outputs), of autocast's type.
    """
    half = torch.is_autocast_enabled("cpu")
    outputs: Tensor = _NormedProjection.apply(inputs, scale, weight.bfloat16() if half else weight)
    return outputs


class _NormedProjection(torch.autograd.Function):
    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx: Any, inputs: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
        normed, mean, deviation = torch.native_layer_norm(inputs, scale.shape, scale, None, EPSILON)
        ctx.save_for_backward(inputs, scale, weight, mean, deviation)
        return F.linear(normed.to(weight.dtype), weight)

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        inputs, scale, weight, mean, deviation = ctx.saved_tensors
        grad = grad_outputs[0].flatten(0, 1)
        of_inputs, of_scale, of_weight = ctx.needs_input_grad
        grad_inputs = grad_scale = grad_weight = None
        if of_weight:
            normed = F.layer_norm(inputs, scale.shape, scale, eps=EPSILON).to(weight.dtype)
            grad_weight = grad.T @ normed.flatten(0, 1)
        if of_inputs or of_scale:
            grad_inputs, grad_scale, _ = torch.ops.aten.native_layer_norm_backward(
                matmul_by_parts(grad, weight).view_as(inputs).to(inputs.dtype),
                inputs,
                scale.shape,
                mean,
                deviation,
                scale,
                None,
                [of_inputs, of_scale, False],
            )
        return grad_inputs, grad_scale, grad_weight


@not_compiled  # compiled already; what is around it may be
def dropped_residual(residual: Tensor, inputs: Tensor, share: float) -> Tensor:
    """``residual + dropout(inputs)`` on a CPU; no mask is kept for the backward pass.

    Args:
        residual: float32, of any shape.
        inputs: float32 or bf16, of the same shape.
        share: of ``inputs`` that is dropped. What is dropped follows from torch's generator.
    """
    outputs: Tensor = _DroppedResidual.apply(residual, inputs, share)
    return outputs


class _DroppedResidual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, residual: Tensor, inputs: Tensor, share: float) -> Tensor:
        seeds = torch.randint(2**32, (2,)).tolist() if share else [0, 0]
        ctx.share, ctx.seeds, ctx.dtype = share, seeds, inputs.dtype
        residual, inputs = residual.contiguous(), inputs.contiguous()
        outputs = torch.empty_like(residual)
        call("elmo_add_dropped", inputs.numel(), share, *seeds, inputs, residual, outputs, dtype=ctx.dtype)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, None]:
        grad = grad_outputs[0].contiguous()
        grad_inputs = torch.empty_like(grad, dtype=ctx.dtype)
        call("elmo_dropped", grad.numel(), ctx.share, *ctx.seeds, grad, grad_inputs, dtype=ctx.dtype)
        return grad, grad_inputs, None
