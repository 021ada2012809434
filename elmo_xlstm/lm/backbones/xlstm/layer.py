"""The sLSTM layer and block, with the parameter names and the numerics of the ``xlstm`` package (xLSTM, figure 10)."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.lm.backbones.mlstm.layer import BlockDiagonalLinear, CausalConv1d, HeadNorm, LayerNorm
from elmo_xlstm.lm.backbones.projection import Projection, residual_std, small_std
from elmo_xlstm.lm.backbones.xlstm.cell import SLSTMState, slstm
from elmo_xlstm.lm.native.slstm import recurrence, takes

Initialization = Literal["powerlaw", "uniform"]
FEEDFORWARD_FACTOR = 1.3
FEEDFORWARD_MULTIPLE = 64


class SLSTMCell(nn.Module):
    """The recurrence's own weights, in the layout of the package's backend "vanilla".

    Those of its backend "cuda" are converted when they are loaded: its recurrent matrices are transposed, which shows
    in their shape, and its biases ordered by heads first, which does not.

    Args:
        dim: channels.
        num_heads: divides ``dim``.
        depth: of the block in its stack: 0 for the first, 1 for the last. Forget biases depend on it.
        initialization: see :class:`~elmo_xlstm.lm.backbones.xlstm.stack.XLSTM`.

    Attributes:
        fused: compute whole sequences on a CPU with compiled kernels.
    """

    def __init__(self, dim: int, num_heads: int, depth: float, initialization: Initialization) -> None:
        super().__init__()
        self.depth, self.initialization = depth, initialization
        self.fused = False
        width = dim // num_heads
        self._recurrent_kernel_ = nn.Parameter(torch.empty(num_heads, 4 * width, width))  # (head, gate and out, in)
        self._bias_ = nn.Parameter(torch.empty(4 * dim))  # (gate, head, channel)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights."""
        heads, _, width = self._recurrent_kernel_.shape
        if self.initialization == "uniform":
            bound = 1 / math.sqrt(heads * width)
            nn.init.uniform_(self._recurrent_kernel_, -bound, bound)
            nn.init.uniform_(self._bias_, -bound, bound)
            return
        nn.init.zeros_(self._recurrent_kernel_)
        nn.init.zeros_(self._bias_)
        # From 5, with which a channel keeps what it holds, to -7, with which it forgets that.
        falling = (torch.arange(width) / max(1, width - 1)) ** (0.3 + 1.3 * self.depth)
        self._bias_.view(4, heads, width)[1] = (5.0 - 12.0 * falling).to(self._bias_)

    def forward(
        self, gates: tuple[Tensor, Tensor, Tensor, Tensor], state: SLSTMState | None, return_state: bool
    ) -> tuple[Tensor, SLSTMState | None]:
        """See :func:`~elmo_xlstm.lm.backbones.xlstm.cell.slstm`; the state if asked for."""
        if self.fused and state is None and not return_state and takes(gates[0], self._recurrent_kernel_):
            return recurrence(gates, self._recurrent_kernel_, self._bias_), None
        hidden, state = slstm(gates, self._recurrent_kernel_, self._bias_, state)
        return hidden, state if return_state else None

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        heads, gates, width = self._recurrent_kernel_.shape
        kernel, bias = f"{prefix}_recurrent_kernel_", f"{prefix}_bias_"
        if kernel in state_dict and state_dict[kernel].shape == (heads, width, gates):
            state_dict[kernel] = state_dict[kernel].transpose(1, 2)
            state_dict[bias] = state_dict[bias].view(heads, 4, width).transpose(0, 1).flatten()
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class SLSTMLayerState(NamedTuple):
    """State of a layer after the tokens before."""

    tail: Tensor | None  # (batch, taps - 1, dim), the convolution's last inputs
    cell: SLSTMState


class SLSTMLayer(nn.Module):
    """Convolution, gates, sLSTM cell, head-wise norm.

    In the package, and so here, the weight named ``fgate`` makes the input gate and ``igate`` the forget gate.

    Args:
        dim: width of inputs and outputs.
        num_heads: divides it.
        taps: of the convolution that both these gates read; 0 for none.
        depth: see :class:`SLSTMCell`.
        initialization: see there.
    """

    def __init__(self, dim: int, num_heads: int, taps: int, depth: float, initialization: Initialization) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.conv1d = CausalConv1d(dim, taps) if taps else None
        self.fgate = BlockDiagonalLinear(dim, dim // num_heads)
        self.igate = BlockDiagonalLinear(dim, dim // num_heads)
        self.zgate = BlockDiagonalLinear(dim, dim // num_heads)
        self.ogate = BlockDiagonalLinear(dim, dim // num_heads)
        self.slstm_cell = SLSTMCell(dim, num_heads, depth, initialization)
        self.group_norm = HeadNorm(dim, num_heads)

    def forward(
        self, inputs: Tensor, state: SLSTMLayerState | None = None, return_state: bool = False
    ) -> tuple[Tensor, SLSTMLayerState | None]:
        """Map (batch, length, dim) to the same shape, and the state after the last token if asked for."""
        tail, cell_state = state if state is not None else (None, None)
        convolved = inputs
        if self.conv1d is not None:
            convolved, tail = self.conv1d(inputs, tail)
            convolved = F.silu(convolved)
        gates = self.fgate(convolved), self.igate(convolved), self.zgate(inputs), self.ogate(inputs)
        hidden, cell_state = self.slstm_cell(gates, cell_state, return_state)
        normed = self.group_norm(hidden.unflatten(-1, (self.num_heads, -1)).transpose(1, 2))
        return normed, None if cell_state is None else SLSTMLayerState(tail, cell_state)


class GatedFeedForward(nn.Module):
    """``down(gelu(gate) * up)`` of width 1.3 dim, rounded up to a multiple of 64."""

    def __init__(self, dim: int, num_blocks: int) -> None:
        super().__init__()
        width = feedforward_width(dim)
        self.proj_up = Projection(dim, 2 * width, small_std(dim))
        self.proj_down = Projection(width, dim, residual_std(dim, num_blocks))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (..., dim) to the same shape."""
        gate, up = self.proj_up(inputs).chunk(2, dim=-1)
        outputs: Tensor = self.proj_down(F.gelu(gate) * up)
        return outputs


def feedforward_width(dim: int) -> int:
    """Width of the feed-forward network in a block of width ``dim``."""
    return math.ceil(FEEDFORWARD_FACTOR * dim / FEEDFORWARD_MULTIPLE) * FEEDFORWARD_MULTIPLE


class SLSTMBlock(nn.Module):
    """A layer and a feed-forward network, each behind a norm, with dropout and a residual connection."""

    def __init__(self, layer: SLSTMLayer, feedforward: GatedFeedForward, dropout: float) -> None:
        super().__init__()
        dim = feedforward.proj_up.in_features
        self.xlstm_norm = LayerNorm(dim)
        self.xlstm = layer
        self.ffn_norm = LayerNorm(dim)
        self.ffn = feedforward
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, inputs: Tensor, state: SLSTMLayerState | None = None, return_state: bool = False
    ) -> tuple[Tensor, SLSTMLayerState | None]:
        """Map (batch, length, dim) to the same shape, and the state after the last token if asked for."""
        output, state = self.xlstm(self.xlstm_norm(inputs), state, return_state)
        hidden = inputs + self.dropout(output)
        return hidden + self.dropout(self.ffn(self.ffn_norm(hidden))), state
