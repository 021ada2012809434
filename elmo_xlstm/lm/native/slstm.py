"""The sLSTM recurrence over whole sequences with compiled kernels.

The numbers are those of :func:`~elmo_xlstm.lm.backbones.xlstm.cell.slstm` up to rounding; see there for the symbols. No
gradient goes through the stabiliser ``m``, on which outputs do not depend. Kept for the backward pass are the hidden
states and seven numbers for each channel and token.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.device import not_compiled
from elmo_xlstm.lm.native.library import call

SAVED = 7  # as in slstm.cpp


def takes(inputs: Tensor, recurrent: Tensor) -> bool:
    """Whether the kernels can compute a sequence with such inputs of gates and such recurrent matrices."""
    return recurrent.device.type == "cpu" and recurrent.dtype == torch.float32 and inputs.numel() > 0


@not_compiled  # compiled already; what is around it may be
def recurrence(gates: tuple[Tensor, Tensor, Tensor, Tensor], recurrent: Tensor, bias: Tensor) -> Tensor:
    """Hidden states (batch, length, dim) of sequences from an empty state.

    Args:
        gates: of input, forget gate, cell input and output gate what the input contributes, (batch, length, dim) each;
            bf16 is converted.
        recurrent: (heads, 4 * head width, head width), float32.
        bias: (4 * dim,), float32.
    """
    hidden: Tensor = _Recurrence.apply(*(gate.float() for gate in gates), recurrent, bias)
    return hidden


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        *gates, recurrent, bias = (tensor.contiguous() for tensor in inputs)
        batch, length, _ = gates[0].shape
        heads, _, width = recurrent.shape
        keep = any(ctx.needs_input_grad)
        saved = gates[0].new_empty(heads, batch, length if keep else 1, SAVED, width)
        hidden = torch.empty_like(gates[0])
        transposed = recurrent.transpose(1, 2).contiguous()
        call("elmo_slstm_forward", batch, length, heads, width, int(keep), *gates, transposed, bias, hidden, saved)
        if keep:
            ctx.save_for_backward(recurrent, hidden, saved)
        return hidden

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, ...]:
        recurrent, hidden, saved = ctx.saved_tensors
        batch, length, dim = hidden.shape
        heads, _, width = recurrent.shape
        grad_gates = hidden.new_empty(4, batch, length, dim)
        grad_hidden = grad_outputs[0].contiguous()
        call("elmo_slstm_backward", batch, length, heads, width, saved, recurrent, grad_hidden, grad_gates)
        before = F.pad(hidden[:, :-1], (0, 0, 1, 0)).view(-1, heads, width)  # (tokens, heads, head width)
        of_heads = grad_gates.view(4, -1, heads, width)
        grad_recurrent = torch.einsum("gtho,thi->hgoi", of_heads, before).reshape(recurrent.shape)
        return *grad_gates.unbind(), grad_recurrent, grad_gates.sum(dim=(1, 2)).flatten()
