"""The sLSTM recurrence (xLSTM, Beck et al. 2024, section 2.2 and appendix A.2).

Every head has gates that read its own previous output ``y`` through a matrix ``R``; the input gate is exponential. With
``m`` the stabiliser, which changes no output, a step is

    m' = max(i, m + log sigmoid(f))                      of pre-activations i, f, z, o, each W x + R y + b
    c' = exp(m + log sigmoid(f) - m') c + exp(i - m') tanh(z)
    n' = exp(m + log sigmoid(f) - m') n + exp(i - m')
    y' = sigmoid(o) c' / n'
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.device import not_compiled


class SLSTMState(NamedTuple):
    """State of a cell: (heads, batch, head width) float32 each."""

    hidden: Tensor  # y
    cell: Tensor  # c
    normalizer: Tensor  # n
    maximum: Tensor  # m


@not_compiled  # which would unroll the loop over tokens, for many minutes
def slstm(
    gates: tuple[Tensor, Tensor, Tensor, Tensor], recurrent: Tensor, bias: Tensor, state: SLSTMState | None = None
) -> tuple[Tensor, SLSTMState]:
    """Run the cell over a sequence, token by token.

    Args:
        gates: of input, forget gate, cell input and output gate what the input contributes, (batch, length, dim) each.
        recurrent: ``R``, (heads, 4 * head width, head width), gates in the same order.
        bias: (4 * dim,), gate by gate.
        state: after the tokens before; None at the beginning.

    Returns:
        Hidden states (batch, length, dim), float32, and the state after the last token.
    """
    heads, _, width = recurrent.shape
    batch, length, dim = gates[0].shape
    with torch.autocast(recurrent.device.type, enabled=False):  # a rounded state would be rounded at every token
        inputs = torch.stack(gates, dim=2).to(recurrent.dtype) + bias.view(4, dim)  # (batch, length, 4, dim)
        # (length, heads, batch, 4 * head width)
        inputs = inputs.unflatten(-1, (heads, width)).permute(1, 3, 0, 2, 4).flatten(3)
        if state is None:
            zeros = inputs.new_zeros(heads, batch, width)
            state = SLSTMState(zeros, zeros, zeros, zeros - torch.inf)
        outputs = []
        for step in inputs:
            state = _step(torch.baddbmm(step, state.hidden, recurrent.transpose(1, 2)), state)
            outputs.append(state.hidden)
        hidden = torch.stack(outputs).permute(2, 0, 1, 3).flatten(2)  # (batch, length, dim)
    return hidden, state


def _step(gates: Tensor, state: SLSTMState) -> SLSTMState:
    """One token; ``gates`` are all pre-activations, (heads, batch, 4 * head width)."""
    input_gate, forget_gate, cell_input, output_gate = gates.chunk(4, dim=-1)
    decayed = state.maximum + F.logsigmoid(forget_gate)
    maximum = torch.maximum(input_gate, decayed).detach()  # outputs do not depend on it, so no gradient goes through it
    written, kept = torch.exp(input_gate - maximum), torch.exp(decayed - maximum)
    cell = kept * state.cell + written * torch.tanh(cell_input)
    normalizer = kept * state.normalizer + written
    return SLSTMState(torch.sigmoid(output_gate) * cell / normalizer, cell, normalizer, maximum)
