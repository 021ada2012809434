"""A layer norm and the projection behind it, without the normalised input being kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.device import matmul_by_parts

EPSILON = 1e-5


def normed_projection(inputs: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    """``layer_norm(inputs) @ weight.T``; the backward pass normalises again, which costs less than memory does.

    Args:
        inputs: (batch, length, dim).
        scale: (dim,), of the norm, which has no bias.
        weight: (outputs, dim).

    Returns:
        (batch, length, outputs).
    """
    outputs: Tensor = _NormedProjection.apply(inputs, scale, weight)
    return outputs


class _NormedProjection(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
        normed, mean, deviation = torch.native_layer_norm(inputs, scale.shape, scale, None, EPSILON)
        ctx.save_for_backward(inputs, scale, weight, mean, deviation)
        return F.linear(normed, weight)

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        inputs, scale, weight, mean, deviation = ctx.saved_tensors
        grad = grad_outputs[0].flatten(0, 1)
        of_inputs, of_scale, of_weight = ctx.needs_input_grad
        grad_inputs = grad_scale = grad_weight = None
        if of_weight:
            grad_weight = grad.T @ F.layer_norm(inputs, scale.shape, scale, eps=EPSILON).flatten(0, 1)
        if of_inputs or of_scale:
            grad_inputs, grad_scale, _ = torch.ops.aten.native_layer_norm_backward(
                matmul_by_parts(grad, weight).view_as(inputs),
                inputs,
                scale.shape,
                mean,
                deviation,
                scale,
                None,
                [of_inputs, of_scale, False],
            )
        return grad_inputs, grad_scale, grad_weight
