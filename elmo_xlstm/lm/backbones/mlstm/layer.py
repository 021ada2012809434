"""The mLSTM layer and block, with the parameter names and the numerics of the ``xlstm`` package."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.lm.backbones.mlstm.cell import LayerState, MLSTMState, mlstm
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.native import (
    LayerWeights,
    activation_type,
    between_projections,
    dropped_residual,
    fused_layer,
    normed_projection,
)

# Blocks of the block-diagonal projections are joined up to this size: a batched product of 4 x 4 matrices is slow.
JOINED_BLOCK = 32


class LayerNorm(nn.Module):
    """Layer norm without bias whose stored weight is the scale minus one."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(dim))

    def reset_parameters(self) -> None:
        """Scale one."""
        nn.init.zeros_(self.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return F.layer_norm(inputs, self.weight.shape, 1.0 + self.weight)


class HeadNorm(LayerNorm):
    """Layer norm of each head on its own, with one scale per channel."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__(dim)
        self.num_heads = num_heads

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise (batch, heads, length, head width) to (batch, length, heads * head width)."""
        heads = inputs.transpose(1, 2)  # (batch, length, heads, head width)
        return F.layer_norm(heads, heads.shape[-1:]).flatten(2) * (1.0 + self.weight)


class BlockDiagonalLinear(nn.Module):
    """A linear map whose matrix is block-diagonal.

    Args:
        dim: inputs and outputs.
        block_size: of each square block.
    """

    def __init__(self, dim: int, block_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim // block_size, block_size, block_size))  # (block, out, in)
        self.joined = math.gcd(dim // block_size, max(1, JOINED_BLOCK // block_size))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, length, dim) to the same shape."""
        blocks, size, _ = self.weight.shape
        groups, joined = blocks // self.joined, self.joined * size
        eye = torch.eye(self.joined, dtype=self.weight.dtype, device=self.weight.device)
        weight = self.weight.view(groups, self.joined, size, 1, size) * eye.view(1, self.joined, 1, self.joined, 1)
        weight = weight.view(groups, joined, joined)  # (group, out, in)
        grouped = inputs.reshape(-1, groups, joined).transpose(0, 1)  # (group, tokens, in)
        outputs = torch.bmm(grouped, weight.transpose(1, 2))
        return outputs.transpose(0, 1).reshape(inputs.shape)


class CausalConv1d(nn.Module):
    """Depth-wise convolution over the current and earlier tokens."""

    def __init__(self, dim: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, kernel_size, groups=dim)  # holds the parameters under the package's names

    def forward(self, inputs: Tensor, before: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Convolve (batch, length, dim).

        Args:
            inputs: the tokens.
            before: (batch, taps - 1, dim), the tokens before them; zeros by default.

        Returns:
            The convolved tokens, and what ``before`` is for the tokens that follow.
        """
        weight = self.conv.weight[:, 0, :]  # (dim, taps)
        taps, length = weight.shape[1], inputs.shape[1]
        padded = F.pad(inputs, (0, 0, taps - 1, 0)) if before is None else torch.cat([before, inputs], dim=1)
        # A sum of shifted products is several times faster here than a depth-wise nn.Conv1d on a CPU.
        assert self.conv.bias is not None
        output = torch.addcmul(self.conv.bias, padded[:, :length], weight[:, 0])
        for tap in range(1, taps):
            output = torch.addcmul(output, padded[:, tap : tap + length], weight[:, tap])
        return output, padded[:, length:]


class MLSTMCell(nn.Module):
    """Gates, recurrence and head-wise norm.

    Attributes:
        kernel: computes whole sequences in place of :func:`~elmo_xlstm.lm.backbones.mlstm.cell.mlstm`; see
            :func:`~elmo_xlstm.lm.backbones.mlstm.kernels.use_kernel`.
    """

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__()
        self.kernel: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor] | None = None
        self.num_heads = config.num_heads
        self.igate = nn.Linear(3 * config.inner_dim, config.num_heads)
        self.fgate = nn.Linear(3 * config.inner_dim, config.num_heads)
        self.outnorm = HeadNorm(config.inner_dim, config.num_heads)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, state: MLSTMState | None = None, return_state: bool = False
    ) -> tuple[Tensor, MLSTMState | None]:
        """Map (batch, length, inner dim) each to (batch, length, inner dim), and the state if asked for."""
        input_gates, forget_gates = self._gates(queries, keys, values)
        q, k, v = (self._heads(tensor) for tensor in (queries, keys, values))
        if self.kernel is None or state is not None or return_state:
            hidden, state = mlstm(q, k, v, input_gates, forget_gates, state, return_state)
        else:
            hidden = self.kernel(q, k, v, input_gates, forget_gates)
        return self.outnorm(hidden), state

    def gate_parameters(self) -> tuple[Tensor, Tensor]:
        """Weights (2 heads, 3 inner dims) and biases (2 heads,) of both gates, input gates first."""
        weight = torch.cat([self.igate.weight, self.fgate.weight])
        return weight, torch.cat([self.igate.bias, self.fgate.bias])

    def _heads(self, inputs: Tensor) -> Tensor:
        heads: Tensor = inputs.unflatten(-1, (self.num_heads, -1))
        return heads.transpose(1, 2)  # (batch, heads, length, head width)

    def _gates(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Gate pre-activations (batch, heads, length), in float32 also under autocast."""
        with torch.autocast(inputs[0].device.type, enabled=False):
            joined, gates = self.gate_parameters()
            for part, weight in zip(inputs, joined.chunk(3, dim=1), strict=True):  # three of (2 heads, inner dim)
                gates = gates + part.to(weight.dtype) @ weight.T  # (batch, length, 2 heads)
            input_gates, forget_gates = gates.float().transpose(1, 2).chunk(2, dim=1)
        return input_gates, forget_gates


class MLSTMLayer(nn.Module):
    """Up-projection, convolution, mLSTM cell, output gate, down-projection (xLSTM, figure 11).

    Attributes:
        fused: compute whole sequences on a CPU with compiled kernels; see
            :func:`~elmo_xlstm.lm.backbones.mlstm.kernels.use_kernel`. They take the
            weights: hooks of the modules that hold these do not run.
    """

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__()
        self.fused = False
        inner, block = config.inner_dim, config.qkv_proj_blocksize
        self.proj_up = nn.Linear(config.embedding_dim, 2 * inner, bias=False)
        self.q_proj = BlockDiagonalLinear(inner, block)
        self.k_proj = BlockDiagonalLinear(inner, block)
        self.v_proj = BlockDiagonalLinear(inner, block)
        self.conv1d = CausalConv1d(inner, config.conv1d_kernel_size)
        self.mlstm_cell = MLSTMCell(config)
        self.learnable_skip = nn.Parameter(torch.ones(inner))
        self.proj_down = nn.Linear(inner, config.embedding_dim, bias=False)

    def forward(
        self, inputs: Tensor, state: LayerState | None = None, return_state: bool = False
    ) -> tuple[Tensor, LayerState | None]:
        """Map (batch, length, embedding dim) to the same shape, and the state after the last token if asked for."""
        up = self.proj_up(inputs)
        if self.is_fused(up):
            if state is None and not return_state:
                return self.fused_forward(up), None
            if not torch.is_grad_enabled():
                hidden, state = between_projections(up, self.native_weights(), state, return_state)
                return self.proj_down(hidden), state
        cell_input, output_gate = up.chunk(2, dim=-1)
        before, cell_state = state if state is not None else (None, None)
        convolved, tail = self.conv1d(cell_input, before)
        convolved = F.silu(convolved)
        queries, keys, values = self.q_proj(convolved), self.k_proj(convolved), self.v_proj(cell_input)
        hidden, cell_state = self.mlstm_cell(queries, keys, values, cell_state, return_state)
        hidden = (hidden + self.learnable_skip * convolved) * F.silu(output_gate)
        return self.proj_down(hidden), LayerState(tail, cell_state) if cell_state is not None else None

    def is_fused(self, inputs: Tensor) -> bool:
        """Whether compiled kernels are to compute this; not if projections have been replaced, as LoRA does."""
        plain = type(self.proj_up) is type(self.proj_down) is nn.Linear
        float32 = self.learnable_skip.dtype == torch.float32
        return self.fused and plain and float32 and activation_type(inputs) is not None

    def fused_forward(self, up: Tensor) -> Tensor:
        """Map (batch, length, 2 * inner dim), the up-projection, to (batch, length, embedding dim)."""
        return fused_layer(up, self.native_weights(), self.proj_down.weight)

    def native_weights(self) -> LayerWeights:
        """What compiled kernels take of the weights between the projections."""
        cell, convolution = self.mlstm_cell, self.conv1d.conv
        assert convolution.bias is not None
        return LayerWeights(
            convolution.weight[:, 0],
            convolution.bias,
            self.q_proj.weight,
            self.k_proj.weight,
            self.v_proj.weight,
            *cell.gate_parameters(),
            1.0 + cell.outnorm.weight,
            self.learnable_skip,
        )


class MLSTMBlock(nn.Module):
    """A layer behind a norm, with dropout and a residual connection."""

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__()
        self.xlstm_norm = LayerNorm(config.embedding_dim)
        self.xlstm = MLSTMLayer(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, inputs: Tensor, state: LayerState | None = None, return_state: bool = False
    ) -> tuple[Tensor, LayerState | None]:
        """Map (batch, length, embedding dim) to the same shape, and the state after the last token if asked for."""
        whole = state is None and not return_state and inputs.dtype == torch.float32
        if whole and self.xlstm.is_fused(inputs):
            scale = 1.0 + self.xlstm_norm.weight
            output = self.xlstm.fused_forward(normed_projection(inputs, scale, self.xlstm.proj_up.weight))
            share = self.dropout.p if self.training else 0.0
            return dropped_residual(inputs, output, share), None
        output, state = self.xlstm(self.xlstm_norm(inputs), state, return_state)
        return inputs + self.dropout(output), state
